import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { Fortress } from './fortress.js';
import { run, withTool } from './tls-tools.js';

const folder = mkdtempSync(join(tmpdir(), 'netmgr-testssl-'));
after(() => rmSync(folder, { recursive: true, force: true }));
assertNothingLeft();

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

/** That the authority is the cluster's own, known to nobody else, is how it is meant to be. */
const OF_A_PRIVATE_AUTHORITY =
  /^(cert_chain_of_trust|cert_(ocsp|crl|revocation|caIssuers|must).*|cert_notAfter|cert_extlifeSpan|cert_validityPeriod|cert_expirationStatus|DNS_CAArecord|scanTime|overall_grade|grade_cap.*|HSTS|HTTP_status_code|cert_trust.*|certificate_transparency|OCSP_stapling|intermediate_cert_badOCSP|final_score|rating_.*|ipv4_.*|engine_problem.*|banner_.*|service|pre_128cipher)/;

test('testssl finds nothing that is wrong with the TLS', withTool('testssl'), async (t) => {
  await using fortress = await Fortress.open();
  const json = join(folder, 'findings.json');
  const target = `127.0.0.1:${fortress.port}`;
  await run('testssl', [
    '--quiet',
    '--color',
    '0',
    '--warnings',
    'batch',
    '--jsonfile',
    json,
    '-p',
    '-S',
    '-P',
    '-U',
    target,
  ]);
  const findings = JSON.parse(readFileSync(json, 'utf8')) as Finding[];
  const wrong = findings.filter(({ severity }) => ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'].includes(severity));
  const ours = wrong.filter(({ id }) => !OF_A_PRIVATE_AUTHORITY.test(id));
  t.diagnostic(`${findings.length} findings; beside those of a private authority: ${JSON.stringify(ours)}`);
  assert.ok(findings.length > 20, 'it has looked');
  assert.deepEqual(ours, []);
  for (const version of ['SSLv2', 'SSLv3', 'TLS1', 'TLS1_1', 'TLS1_2']) {
    assert.match(findings.find(({ id }) => id === version)?.finding ?? '', /not offered/, version);
  }
  assert.match(findings.find(({ id }) => id === 'TLS1_3')?.finding ?? '', /offered/);
  await fortress.assertHonestServed();
});
