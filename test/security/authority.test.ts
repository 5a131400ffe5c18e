import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { isNetworkError } from '../../src/base/errors.js';
import { Authority } from '../../src/security/certificates/authority.js';
import { checkLeaderCertificate } from '../../src/security/certificates/certificate-check.js';
import type { Leaf } from '../../src/security/certificates/leaf.js';
import { assertNothingLeft } from '../leaks.js';
import { TlsServer } from './tls-server.js';

assertNothingLeft();

const CLUSTER = 'default';
const NAMES = ['192.0.2.11', 'leader.example', '2001:db8::11'];
const DAY_MS = 86_400_000;
/** The machine's: OpenSSL looks at no other clock. */
const now = Date.now();

const noOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';

const issue = (authority: Authority): Promise<Leaf> =>
  authority.issueLeaf({ cluster: CLUSTER, leader: 'boss', names: NAMES, now });

const invalid = (pattern: RegExp) => (error: unknown) =>
  isNetworkError(error) && error.code === 'INVALID_OPTION' && pattern.test(error.message);

/** What `openssl s_client` says of the server. */
async function sClient(port: number, root: string): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'netmgr-authority-'));
  try {
    const file = path.join(folder, 'root.pem');
    writeFileSync(file, root);
    const options = ['-tls1_3', '-x509_strict', '-CAfile', file, '-no-CApath', '-connect', `127.0.0.1:${port}`];
    const client = promisify(execFile)('openssl', ['s_client', ...options], { encoding: 'utf8' });
    client.child.stdin?.end();
    return (await client).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('authority', () => {
  let first: Authority;
  let second: Authority;
  let third: Authority;
  before(async () => {
    first = await Authority.create({ cluster: CLUSTER, now });
    second = await first.rotate(now);
    third = await second.rotate(now);
  });

  it('signs ten years for itself', () => {
    const root = new X509Certificate(first.certificate);
    assert.ok(root.ca);
    assert.ok(root.verify(root.publicKey));
    assert.equal(Math.round((first.notAfter - now) / DAY_MS), 3_650);
    assert.equal(first.notBefore, Math.floor((now - 300_000) / 1_000) * 1_000);
    assert.equal(Buffer.from(first.fingerprint).toString('hex'), root.fingerprint256.replaceAll(':', '').toLowerCase());
    assert.equal(first.cluster, CLUSTER);
    assert.deepEqual(first.roots, [first.certificate]);
  });

  it('issues a leaf that is a leader’s, with every name that it may be reached by', async () => {
    const leaf = await issue(first);
    const certificate = new X509Certificate(leaf.certificate);
    assert.equal(certificate.subject, 'O=netmgr\nOU=default\nCN=boss');
    assert.deepEqual(certificate.subjectAltName?.split(', '), [
      'URI:netmgr:leader:default',
      'IP Address:192.0.2.11',
      'DNS:leader.example',
      'IP Address:2001:DB8:0:0:0:0:0:11',
      'DNS:localhost',
      'IP Address:127.0.0.1',
      'IP Address:0:0:0:0:0:0:0:1',
    ]);
    assert.equal(checkLeaderCertificate(certificate, now, CLUSTER), CLUSTER);
    assert.equal(Math.round((leaf.notAfter - now) / DAY_MS), 90);
    assert.equal(leaf.notBefore, Math.floor((now - 300_000) / 1_000) * 1_000);
    assert.ok(first.signed(certificate));
    assert.ok(!second.signed(certificate));
    const other = new X509Certificate((await issue(first)).certificate);
    assert.notEqual(certificate.serialNumber, other.serialNumber);
    assert.ok(!certificate.publicKey.equals(other.publicKey));
  });

  it('marks what must be understood as critical', { skip: noOpenssl }, async () => {
    const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input: (await issue(first)).certificate });
    const shown = text.toString().replace(/\s+/g, ' ');
    assert.match(shown, /Basic Constraints: critical CA:FALSE/);
    assert.match(shown, /Key Usage: critical Digital Signature X/);
    assert.match(shown, /Extended Key Usage: TLS Web Server Authentication X/);
    assert.match(shown, /ecdsa-with-SHA256.*NIST CURVE: P-256.*Subject Key Identifier: .*Authority Key Identifier: /);
    const root = execFileSync('openssl', ['x509', '-noout', '-text'], { input: first.certificate });
    const shownRoot = root.toString().replace(/\s+/g, ' ');
    assert.match(shownRoot, /Basic Constraints: critical CA:TRUE X/);
    assert.match(shownRoot, /Key Usage: critical Certificate Sign, CRL Sign X/);
    assert.match(shownRoot, /Subject Key Identifier: .*Authority Key Identifier: /);
  });

  it('is found again in what it writes, after rotations as well', async () => {
    for (const authority of [first, second, third]) {
      const again = Authority.fromPem(authority.toPem());
      assert.deepEqual(again.fingerprint, authority.fingerprint);
      assert.deepEqual(again.roots, authority.roots);
      const leaf = await issue(again);
      assert.ok(authority.signed(new X509Certificate(leaf.certificate)));
      assert.equal(again.serve('x'), authority.serve('x'));
    }
  });

  it('says what is missing or damaged', () => {
    const pem = first.toPem();
    const key = pem.slice(0, pem.indexOf('-----BEGIN CERTIFICATE'));
    assert.throws(() => Authority.fromPem(''), invalid(/certificate is missing/));
    assert.throws(() => Authority.fromPem(key), invalid(/certificate is missing/));
    assert.throws(() => Authority.fromPem(first.certificate), invalid(/private key is missing/));
    assert.throws(() => Authority.fromPem(key.replace(/[A-Z]{2}/g, 'AA') + first.certificate), invalid(/private key/));
    assert.throws(() => Authority.fromPem(key + second.certificate), invalid(/not that of the authority/));
  });

  it('names the name that cannot stand in a certificate', async () => {
    const bad = (names: string[]) => first.issueLeaf({ cluster: CLUSTER, leader: 'boss', names, now });
    for (const name of ['', 'two words', 'a,DNS:b', 'http://host', 'a..b', `${'a'.repeat(64)}.example`, '1.2.3.4/8']) {
      await assert.rejects(bad([name]), invalid(/^names: /), name);
    }
    await assert.rejects(bad(Array.from({ length: 101 }, (_, i) => `h${i}`)), invalid(/at most 100/));
    await assert.rejects(Authority.create({ cluster: 'No', now }), invalid(/^cluster: "No"/));
  });

  it('keeps three predecessors', async () => {
    const fourth = await third.rotate(now);
    const fifth = await fourth.rotate(now);
    assert.deepEqual(
      fifth.roots,
      [fifth, fourth, third, second].map((authority) => authority.certificate),
    );
    assert.equal(fifth.serve('').match(/BEGIN/g)?.length, 4);
  });

  describe('openssl verify -x509_strict', { skip: noOpenssl }, () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'netmgr-authority-'));
    after(() => rmSync(folder, { recursive: true }));

    const verify = (root: string, certificate: string, untrusted?: string): string => {
      const files = { root, certificate, untrusted: untrusted ?? certificate };
      for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
      const options = ['-x509_strict', '-no-CApath', '-purpose', 'any', '-CAfile', 'root', '-untrusted', 'untrusted'];
      const { stdout, stderr } = spawnSync('openssl', ['verify', ...options, 'certificate'], {
        cwd: folder,
        encoding: 'utf8',
      });
      return `${stdout}${stderr}`;
    };

    it('takes a root and its leaf', async () => {
      const leaf = await issue(first);
      assert.equal(verify(first.certificate, first.certificate), 'certificate: OK\n');
      assert.equal(verify(first.certificate, leaf.certificate), 'certificate: OK\n');
      assert.match(verify(second.certificate, leaf.certificate, leaf.chain), /verification failed/);
    });

    it('takes the cross certificates, and whole chains from every root', async () => {
      for (const authority of [second, third]) {
        const leaf = await issue(authority);
        for (const root of authority.roots)
          assert.equal(verify(root, leaf.certificate, leaf.chain), 'certificate: OK\n');
        const crosses = leaf.chain.split(/(?=-----BEGIN)/).slice(1, -1);
        for (const cross of crosses)
          assert.equal(verify(first.certificate, cross, crosses.join('')), 'certificate: OK\n');
      }
    });
  });

  describe('TLS', () => {
    it('1.3 alone is spoken', async () => {
      const leaf = await issue(first);
      await using server = await TlsServer.open(leaf);
      assert.equal(await server.shakeHands({ ca: [first.certificate] }), 'ok');
      assert.equal(
        await server.shakeHands({ ca: [first.certificate], maxVersion: 'TLSv1.2' }),
        'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      );
      assert.equal(await server.shakeHands({ ca: [second.certificate] }), 'SELF_SIGNED_CERT_IN_CHAIN');
    });

    it('satisfies openssl s_client', { skip: noOpenssl }, async () => {
      await using server = await TlsServer.open(await issue(first));
      const client = await sClient(server.port, first.certificate);
      assert.match(client, /^New, TLSv1.3, /m);
      assert.match(client, /^Verify return code: 0 \(ok\)/m);
      assert.match(await sClient(server.port, second.certificate), /^Verify return code: 19 /m);
    });

    it('is trusted by those that know an older root, and by those that know the new one alone', async () => {
      for (const authority of [second, third]) {
        await using server = await TlsServer.open(await issue(authority));
        for (const root of [first, second, authority]) {
          assert.equal(await server.shakeHands({ ca: [root.certificate] }), 'ok');
        }
        assert.equal(await server.shakeHands({ ca: authority.roots }), 'ok');
      }
      await using server = await TlsServer.open(await issue(second));
      assert.notEqual(await server.shakeHands({ ca: [third.certificate] }), 'ok', 'a root that did not sign it');
    });
  });
});
