import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readLeaderChain } from '../../src/security/certificates/leader-chain.js';
import { assertNothingLeft } from '../leaks.js';
import { Fortress } from './fortress.js';
import { run, withTool } from './tls-tools.js';

const folder = mkdtempSync(join(tmpdir(), 'netmgr-openssl-'));
after(() => rmSync(folder, { recursive: true, force: true }));
assertNothingLeft();

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const connected = (port: number, ...words: string[]) =>
  run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-brief', '-no_ign_eof', ...words]);

/** The chain as a running leader serves it: certificates of the roots in one file, the leaf in another. */
async function served(
  port: number,
): Promise<{ readonly root: string; readonly leaf: string; readonly between: string }> {
  const { chain } = await readLeaderChain({ host: '127.0.0.1', port }, AbortSignal.timeout(10_000));
  const [leaf, ...others] = chain.map(String);
  return {
    leaf: file('leaf.pem', leaf ?? ''),
    between: file('between.pem', others.slice(0, -1).join('') || (others.at(-1) as string)),
    root: file('root.pem', others.at(-1) as string),
  };
}

test(
  'openssl agrees: TLS 1.3 and nothing older, a chain that verifies strictly, before and after a rotation',
  withTool('openssl'),
  async () => {
    await using fortress = await Fortress.open();
    const { port } = fortress;
    const first = await served(port);
    const before = await connected(port, '-tls1_3', '-CAfile', first.root, '-verify_return_error', '-x509_strict');
    assert.match(before.text, /Protocol version: TLSv1\.3/);
    assert.match(before.text, /Verification: OK/);
    assert.match(before.text, /Ciphersuite: TLS_(AES_256_GCM_SHA384|AES_128_GCM_SHA256|CHACHA20_POLY1305_SHA256)/);
    for (const old of ['-tls1', '-tls1_1', '-tls1_2']) {
      const { code, text } = await connected(port, old, '-cipher', 'ALL:@SECLEVEL=0');
      assert.ok(code !== 0 && !/Verification: OK|CONNECTION ESTABLISHED/.test(text), `${old}: ${text}`);
    }
    const strictly = ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_ip', '127.0.0.1'];
    assert.match((await run('openssl', [...strictly, '-CAfile', first.root, first.leaf])).text, /leaf\.pem: OK/);
    const oldRoot = file('old-root.pem', await run('cat', [first.root]).then(({ text }) => text));
    await fortress.security.rotateAuthority();
    const after = await served(port);
    for (const root of [oldRoot, after.root]) {
      const chain = [...strictly, '-CAfile', root, '-untrusted', after.between, after.leaf];
      assert.match((await run('openssl', chain)).text, /leaf\.pem: OK/);
      const dialled = await connected(port, '-CAfile', root, '-verify_return_error', '-x509_strict');
      assert.match(dialled.text, /Verification: OK/, root);
    }
    const bad = await connected(port, '-CAfile', file('none.pem', ''), '-verify_return_error');
    assert.doesNotMatch(bad.text, /Verification: OK/);
    await fortress.assertHonestServed();
  },
);

test('openssl sends early data, compression and old resumptions in vain', withTool('openssl'), async () => {
  await using fortress = await Fortress.open();
  const { port } = fortress;
  const session = join(folder, 'session.pem');
  const upgrade = file('early.txt', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await connected(port, '-tls1_3', '-sess_out', session);
  const early = await run('openssl', [
    ...['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_3', '-sess_in', session],
    ...['-early_data', upgrade],
  ]);
  assert.doesNotMatch(early.text, /Early data was accepted/);
  const full = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-comp', '-tls1_3']);
  assert.match(full.text, /Compression: NONE/);
  await fortress.assertHonestServed();
});
