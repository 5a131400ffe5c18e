import assert from 'node:assert/strict';
import { webcrypto, X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { type ErrorCode, isNetworkError } from '../../src/base/errors.js';
import { Authority } from '../../src/security/certificates/authority.js';
import { checkLeaderCertificate } from '../../src/security/certificates/certificate-check.js';

const HOUR_MS = 3_600_000;
const LIFE_MS = 90 * 24 * HOUR_MS;
const now = Date.UTC(2026, 0, 1);

const refusal = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(isNetworkError(error), String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  assert.ok(error.hint);
  return true;
};

interface Kind {
  readonly uri?: string;
  readonly ca?: boolean;
  readonly usage?: x509.ExtendedKeyUsage;
}

/** A leader's, but for what is told. */
async function certificate({ uri = 'netmgr:leader:default', ca = false, usage }: Kind): Promise<X509Certificate> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const { rawData } = await x509.X509CertificateGenerator.createSelfSigned({
    keys: await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']),
    name: 'CN=boss',
    notBefore: new Date(now),
    notAfter: new Date(now + HOUR_MS),
    extensions: [
      new x509.BasicConstraintsExtension(ca),
      new x509.ExtendedKeyUsageExtension([usage ?? x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'url', value: uri },
        { type: 'dns', value: 'localhost' },
      ]),
    ],
  });
  return new X509Certificate(Buffer.from(rawData));
}

describe('the check of a leader’s certificate', () => {
  let leaf: X509Certificate;
  let root: X509Certificate;
  before(async () => {
    const authority = await Authority.create({ cluster: 'default', now });
    root = new X509Certificate(authority.certificate);
    const { certificate: pem } = await authority.issueLeaf({ cluster: 'default', leader: 'boss', names: [], now });
    leaf = new X509Certificate(pem);
  });

  it('names the cluster', () => {
    assert.equal(checkLeaderCertificate(leaf, now), 'default');
    assert.equal(checkLeaderCertificate(leaf, now - 300_000), 'default');
    assert.equal(checkLeaderCertificate(leaf, now + LIFE_MS), 'default');
    assert.throws(
      () => checkLeaderCertificate(leaf, now, 'other'),
      refusal('CLUSTER_MISMATCH', /"default", not "other"/),
    );
  });

  it('names both times when one of the clocks is wrong', () => {
    assert.throws(
      () => checkLeaderCertificate(leaf, now - HOUR_MS),
      refusal(
        'NOT_ALLOWED',
        /CN=boss\) is valid from 2025-12-31T23:55:00Z, but this machine's clock says 2025-12-31T23:00:00Z/,
      ),
    );
    assert.throws(
      () => checkLeaderCertificate(leaf, now + LIFE_MS + HOUR_MS),
      refusal(
        'NOT_ALLOWED',
        /was valid until 2026-04-01T00:00:00Z, but this machine's clock says 2026-04-01T01:00:00Z/,
      ),
    );
  });

  it('takes nothing else for a leader’s', async () => {
    assert.equal(checkLeaderCertificate(await certificate({}), now), 'default');
    const others = [
      root,
      await certificate({ uri: 'netmgr:node:default' }),
      // Node writes the names in one line; this one looks as if it were two.
      await certificate({ uri: 'https://x/, URI:netmgr:leader:default' }),
      await certificate({ ca: true }),
      await certificate({ usage: x509.ExtendedKeyUsage.clientAuth }),
    ];
    for (const other of others) {
      assert.throws(() => checkLeaderCertificate(other, now), refusal('NOT_ALLOWED', /is not that of a leader$/));
    }
  });
});
