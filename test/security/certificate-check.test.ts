import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { type ErrorCode, isNetworkError } from '../../src/base/errors.js';
import { systemRandom } from '../../src/base/random.js';
import { Authority } from '../../src/security/authority.js';
import { checkLeaderCertificate } from '../../src/security/certificate-check.js';
import { generateKey, makeCertificate } from '../../src/security/certificate-maker.js';
import { publicKeyOf } from '../../src/security/pem.js';

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

async function certificate(uris: string[], hosts: string[]): Promise<X509Certificate> {
  const key = generateKey();
  const subject = { cluster: 'default', name: 'boss' };
  const pem = await makeCertificate({
    subject,
    issuer: subject,
    issuerKey: key,
    publicKey: publicKeyOf(key),
    notBefore: now,
    notAfter: now + HOUR_MS,
    use: { uris, hosts },
    random: systemRandom,
  });
  return new X509Certificate(pem);
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
    const others = [
      root,
      await certificate([], ['localhost']),
      await certificate(['netmgr:node:default'], ['localhost']),
      // Node writes the names in one line; this one looks as if it were two.
      await certificate(['https://x/, URI:netmgr:leader:default'], ['localhost']),
    ];
    for (const other of others) {
      assert.throws(() => checkLeaderCertificate(other, now), refusal('NOT_ALLOWED', /is not that of a leader$/));
    }
  });
});
