import assert from 'node:assert/strict';
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { isNetworkError } from '../../src/base/errors.js';
import { systemRandom } from '../../src/base/random.js';
import { connectOperator, createCollaborator } from '../../src/index.js';
import { Authority } from '../../src/security/certificates/authority.js';
import { generateKey, makeCertificate } from '../../src/security/certificates/certificate-maker.js';
import { pemBlocks, publicKeyOf } from '../../src/security/certificates/pem.js';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { assertNothingLeft } from '../leaks.js';
import { Fortress, Guest } from './fortress.js';
import { Impostor } from './impostor.js';
import { Listening, relay } from './listening.js';

const CLUSTER = 'default';
const DAY_MS = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), 'netmgr-impostor-'));
let fortress: Fortress;
/** The real leader's own: what an impostor would need, and does not have. */
let real: Authority;
/** A node that has joined the real leader before. */
const enrolledDir = join(folder, 'enrolled');

before(async () => {
  const stateDir = join(folder, 'leader');
  fortress = await Fortress.open({ stateDir });
  real = Authority.fromPem(readFileSync(join(stateDir, 'ca.pem'), 'utf8'));
  const token = await fortress.token();
  const node = await createCollaborator({
    leader: fortress.leader.address,
    name: 'known',
    token,
    stateDir: enrolledDir,
  });
  await node.stop({ graceMs: 50 });
});
after(async () => {
  await fortress[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
assertNothingLeft();

interface Served {
  readonly key: string;
  readonly chain: string;
}

/** With the subject, names and dates of a leader's; signed by `by`, who says that it is the authority `as`. */
async function forged({ by, as = by, uris, hosts = ['127.0.0.1'] }: Forgery): Promise<{ key: string; leaf: string }> {
  const key = generateKey();
  const leaf = await makeCertificate({
    subject: { cluster: CLUSTER, name: 'leader' },
    publicKey: publicKeyOf(key),
    issuer: { cluster: CLUSTER, name: nameOf(as) },
    issuerKey: keyOf(by),
    notBefore: Date.now() - 60_000,
    notAfter: Date.now() + 30 * DAY_MS,
    use: { uris: uris ?? [`netmgr:leader:${CLUSTER}`], hosts },
    random: systemRandom,
  });
  return { key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), leaf };
}

interface Forgery {
  readonly by: Authority;
  readonly as?: Authority;
  readonly uris?: readonly string[];
  readonly hosts?: readonly string[];
}

const keyOf = (authority: Authority): KeyObject => createPrivateKey(pemBlocks(authority.toPem()).keys[0] ?? '');
const nameOf = (authority: Authority): string =>
  /^CN=(.*)$/m.exec(new X509Certificate(authority.certificate).subject)?.[1] ?? '';

const newAuthority = (): Promise<Authority> => Authority.create({ cluster: CLUSTER, now: Date.now() });

async function ownAuthority(): Promise<Served> {
  const own = await newAuthority();
  const { key, leaf } = await forged({ by: own });
  return { key, chain: leaf + own.certificate };
}

/** Everything that an impostor may show. */
const IMPOSTORS: Readonly<Record<string, () => Promise<Served>>> = {
  'an authority of its own': () => ownAuthority(),
  'its own leaf, with the real authority behind it': async () => {
    const own = await newAuthority();
    const { key, leaf } = await forged({ by: own });
    return { key, chain: leaf + real.certificate };
  },
  'its own leaf and authority, with the real one behind them': async () => {
    const own = await newAuthority();
    const { key, leaf } = await forged({ by: own });
    return { key, chain: leaf + own.certificate + real.certificate };
  },
  'a leaf that names the real authority, which has not signed it': async () => {
    const { key, leaf } = await forged({ by: await newAuthority(), as: real });
    return { key, chain: leaf + real.certificate };
  },
  'a certificate of the real authority that is not a leader’s': async () => {
    const { key, leaf } = await forged({ by: real, uris: [] });
    return { key, chain: leaf + real.certificate };
  },
  'a certificate of the real authority for a name that only looks like a leader’s': async () => {
    const { key, leaf } = await forged({ by: real, uris: [`netmgr:leaders:${CLUSTER}`, 'netmgr:leader'] });
    return { key, chain: leaf + real.certificate };
  },
};

for (const [what, made] of Object.entries(IMPOSTORS)) {
  test(`an impostor that shows ${what} gets not one byte`, async () => {
    await using impostor = await Impostor.open(await made());
    const leader = `127.0.0.1:${impostor.port}`;
    const token = await fortress.token();
    const operatorToken = await fortress.token({ role: 'operator' });
    const refused = (error: unknown) => {
      assert.ok(isNetworkError(error) && error.retryable === false, String(error));
      assert.ok(['CLUSTER_MISMATCH', 'NOT_ALLOWED'].includes(error.code), `${error.code}: ${error.message}`);
      assert.ok(error.hint !== undefined);
      assert.ok(!`${error.message} ${error.hint}`.includes(secretOf(token)));
      return true;
    };
    const retry = false;
    await assert.rejects(createCollaborator({ leader, name: 'new', token, retry }), refused);
    await assert.rejects(createCollaborator({ leader, name: 'new', token, retry: 'forever' }), refused);
    await assert.rejects(connectOperator({ address: leader, token: operatorToken }), refused);
    await assert.rejects(createCollaborator({ leader, name: 'known', stateDir: enrolledDir, retry }), refused);
    assert.ok(impostor.connections >= 4, 'it was dialled');
    assert.equal(impostor.heard.length, 0, impostor.heard.toString('latin1'));
  });
}

const secretOf = (token: string): string => token.split('-')[5] as string;

test('an impostor that talks before it is asked is not answered', async () => {
  const own = await newAuthority();
  const { key, leaf } = await forged({ by: own });
  const heard: Buffer[] = [];
  const server = createTlsServer({ key, cert: leaf + real.certificate, minVersion: 'TLSv1.3' }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => heard.push(bytes));
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'.repeat(50));
  });
  await using listening = await Listening.open(server);
  const leader = `127.0.0.1:${listening.port}`;
  const token = await fortress.token();
  await assert.rejects(createCollaborator({ leader, name: 'new', token, retry: false }), { code: 'CLUSTER_MISMATCH' });
  assert.deepEqual(heard, []);
});

test('between pinning and joining the impostor takes the real leader’s place: it gets not one byte', async () => {
  await using impostor = await Impostor.open(await ownAuthority());
  // The first connection leads to the leader, every other to the impostor.
  let dials = 0;
  await using router = await Listening.open(
    createTcpServer((near) => {
      dials += 1;
      relay(near, connectTcp(dials === 1 ? fortress.port : impostor.port, '127.0.0.1'));
    }),
  );
  const leader = `127.0.0.1:${router.port}`;
  const token = await fortress.token();
  await assert.rejects(createCollaborator({ leader, name: 'new', token, retry: false }), { code: 'CLUSTER_MISMATCH' });
  assert.equal(dials, 2);
  assert.equal(impostor.heard.length, 0);
});

test('what a careless client gives to a proxy that ends TLS is no use at the real leader', async () => {
  const own = await newAuthority();
  const { key, leaf } = await forged({ by: own });
  const heard: Buffer[] = [];
  await using proxy = await Listening.open(
    createTlsServer({ key, cert: leaf + own.certificate, minVersion: 'TLSv1.3' }, (near) => {
      near.on('data', (bytes) => heard.push(bytes));
      relay(near, connectTls({ host: '127.0.0.1', port: fortress.port, rejectUnauthorized: false, ca: [] }));
    }),
  );
  const { port } = proxy;
  const device = DeviceKey.generate();
  const member = await fortress.member('relayed', { key: device });
  member.end();
  const sessions = fortress.counter('sessions');
  const proving = await Guest.dial(port, 'relayed');
  assert.equal(await proving.present({ key: device }), 'NOT_ALLOWED');
  const token = await fortress.token();
  const enrolling = await Guest.dial(port, 'enrolling');
  assert.equal(await enrolling.present({ token }), 'NOT_ALLOWED');
  assert.equal(fortress.counter('sessions'), sessions, 'nobody was let in');
  assert.equal(fortress.counter('refusedWrongProof'), 2);
  assert.equal(fortress.security.devices.byName('enrolling'), undefined);
  assert.ok(Buffer.concat(heard).length > 0, 'the proxy was in between');
  const ours = fortress.security.invites.list().find(({ id }) => token.includes(id));
  assert.equal(ours?.used, 0);
});
