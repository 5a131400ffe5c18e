import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { SystemClock } from '../../src/base/clock.js';
import { isNetworkError, NetworkError } from '../../src/base/errors.js';
import type { Role } from '../../src/base/names.js';
import { systemRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import type { NetworkMessage } from '../../src/message/message.js';
import type { Authenticator } from '../../src/network/authenticator.js';
import { Authority } from '../../src/security/certificates/authority.js';
import { NodeCredentials } from '../../src/security/credentials/node-credentials.js';
import { formatToken } from '../../src/security/invites/join-token.js';
import { LeaderSecurity } from '../../src/security/leader-security.js';
import { assertNothingLeft } from '../leaks.js';
import { Node, until } from '../network/websocket-nodes.js';
import { RecordingLog } from './recording-log.js';
import { TlsServer } from './tls-server.js';

const clock = new SystemClock();
assertNothingLeft(clock);

const root = mkdtempSync(join(tmpdir(), 'netmgr-credentials-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const newDirectory = (): string => {
  count += 1;
  return join(root, String(count));
};

/** Everything that was ever said; at the end no secret is in it. */
const said = new RecordingLog();
const secrets: string[] = [];
after(() => {
  assert.ok(secrets.length > 10);
  for (const secret of secrets)
    assert.ok(!said.text.toLowerCase().includes(secret.toLowerCase()), 'a secret in the log');
});

/** A leader on a free port. */
class Cluster implements AsyncDisposable {
  readonly security: LeaderSecurity;
  readonly #node: Node;

  private constructor(security: LeaderSecurity, node: Node) {
    this.security = security;
    this.#node = node;
  }

  static async open(cluster = 'default', authenticator?: Authenticator): Promise<Cluster> {
    const security = await LeaderSecurity.open({ cluster, leader: 'boss', clock, random: systemRandom, log: said });
    const listen = [
      {
        name: 'tcp',
        host: '127.0.0.1',
        port: 0,
        authenticator: authenticator ?? security.authenticator,
        tls: security.tls,
      },
    ] as const;
    const node = new Node('boss', { listen }, { role: 'leader', cluster });
    await node.network.start();
    return new Cluster(security, node);
  }

  get port(): number {
    const bound = this.#node.network.boundAddresses.get('tcp');
    assert.ok(bound && 'port' in bound);
    return bound.port;
  }

  async token(role: 'collaborator' | 'operator' | 'observer' = 'collaborator', uses = 1): Promise<string> {
    const { token } = await this.security.invites.create({ role, uses });
    secrets.push(token.split('-')[5] ?? '');
    return token;
  }

  /** Cuts the node off; it dials again. */
  cut(node: string): void {
    this.#node.network.disconnect(node, new NetworkError('CLOSED', 'cut off'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node.network.stop({ graceMs: 0 });
    await this.security.stop();
  }
}

interface Options {
  readonly node?: string;
  readonly role?: Role;
  readonly token?: string | undefined;
  readonly directory?: string | undefined;
}

function open({ node = 'build1', role = 'collaborator', token, directory }: Options): NodeCredentials {
  return NodeCredentials.open({ node, role, token, directory, clock, log: said });
}

/** A node that dials; a code means that it was refused. */
class Joiner implements AsyncDisposable {
  readonly node: Node;

  constructor(port: number, credentials: NodeCredentials, { node = 'build1', role = 'collaborator' }: Options = {}) {
    this.node = new Node(node, { dial: { address: `127.0.0.1:${port}`, credentials } }, { role });
  }

  async outcome(): Promise<'connected' | NetworkError> {
    await this.node.network.start();
    await this.connected(1);
    return this.node.seen('refused').at(0)?.error ?? 'connected';
  }

  /** Waits for so many connections in all, or a refusal. */
  async connected(times: number): Promise<void> {
    const { node } = this;
    await until(() => node.seen('connected').length >= times || node.seen('refused').length > 0, 'a connection');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.network.stop({ graceMs: 0 });
  }
}

/** Dials once with what the options give, and leaves. */
async function visit(port: number, options: Options): Promise<'connected' | NetworkError> {
  const credentials = open(options);
  await using joiner = new Joiner(port, credentials, options);
  const outcome = await joiner.outcome();
  if (outcome === 'connected') assert.ok(credentials.enrolled);
  return outcome;
}

function refused(outcome: 'connected' | NetworkError, code: string): NetworkError {
  assert.ok(outcome !== 'connected', 'it was let in');
  assert.equal(outcome.code, code, outcome.message);
  return outcome;
}

function thrown(act: () => unknown, code: string): NetworkError {
  try {
    act();
  } catch (error) {
    assert.ok(isNetworkError(error), String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(error.hint, error.message);
    const told = `${error.stack} ${error.hint} ${JSON.stringify(error)}`;
    for (const secret of secrets) assert.ok(!told.includes(secret), 'a secret in an error');
    return error;
  }
  assert.fail('nothing was thrown');
}

const stored = (directory: string): { cluster: string; leader: string; roots: string[] } =>
  JSON.parse(readFileSync(join(directory, 'cluster.json'), 'utf8'));

const keyIn = (directory: string): string => {
  const key = readFileSync(join(directory, 'device.key'), 'utf8');
  secrets.push(key.split('\n')[1] ?? '');
  return key;
};

describe('a node', () => {
  test('joins with a token once, and comes back without', async () => {
    await using cluster = await Cluster.open();
    const directory = newDirectory();
    assert.equal(await visit(cluster.port, { directory, token: await cluster.token() }), 'connected');
    assert.deepEqual(readdirSync(directory).sort(), ['cluster.json', 'device.key']);
    for (const file of readdirSync(directory)) assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    const { cluster: name, leader, roots } = stored(directory);
    assert.deepEqual([name, leader, roots.length], ['default', 'boss', 1]);
    keyIn(directory);
    const again = open({ directory });
    assert.deepEqual(
      [again.enrolled, again.cluster, again.device],
      [true, 'default', cluster.security.devices.list()[0]?.id],
    );
    assert.equal(await visit(cluster.port, { directory }), 'connected');
    const { enrolments, sessions } = cluster.security.counters;
    assert.deepEqual({ enrolments, sessions }, { enrolments: 1, sessions: 1 });
  });

  test('that keeps nothing proves itself by its key when it is cut off', async () => {
    await using cluster = await Cluster.open();
    const credentials = open({ token: await cluster.token() });
    await using joiner = new Joiner(cluster.port, credentials);
    assert.equal(await joiner.outcome(), 'connected');
    const [invitation] = cluster.security.invites.list();
    assert.ok(invitation);
    await cluster.security.invites.revoke(invitation.id);
    cluster.cut('build1');
    await joiner.connected(2);
    assert.equal(joiner.node.seen('connected').length, 2);
    assert.equal(cluster.security.counters['sessions'], 1);
  });

  test('without a token and without a cluster is told what to do, and leaves no trace', async () => {
    await using cluster = await Cluster.open();
    const directory = newDirectory();
    const error = refused(await visit(cluster.port, { directory }), 'NOT_ALLOWED');
    assert.match(error.hint ?? '', /netmgr invite create/);
    assert.ok(!existsSync(directory));
    assert.equal(open({ directory }).enrolled, false);
    refused(await visit(cluster.port, {}), 'NOT_ALLOWED');
  });

  test('that is already enrolled may have its old token with it, used up or revoked', async () => {
    await using cluster = await Cluster.open();
    const directory = newDirectory();
    const token = await cluster.token();
    for (let start = 0; start < 3; start += 1)
      assert.equal(await visit(cluster.port, { directory, token }), 'connected');
    await cluster.security.invites.revoke(cluster.security.invites.list()[0]?.id ?? '');
    assert.equal(await visit(cluster.port, { directory, token }), 'connected');
    assert.equal(cluster.security.counters['enrolments'], 1);
  });

  test('that was forgotten joins again with a new token, in the same directory', async () => {
    await using cluster = await Cluster.open();
    const directory = newDirectory();
    assert.equal(await visit(cluster.port, { directory, token: await cluster.token() }), 'connected');
    const key = keyIn(directory);
    await cluster.security.devices.evict('build1');
    refused(await visit(cluster.port, { directory, token: await cluster.token() }), 'EVICTED');
    await cluster.security.devices.forget('build1');
    refused(await visit(cluster.port, { directory }), 'NOT_ALLOWED');
    assert.equal(await visit(cluster.port, { directory, token: await cluster.token() }), 'connected');
    assert.equal(keyIn(directory), key);
  });

  test('does not take a leader that lets in everybody for one that has enrolled it', async () => {
    await using cluster = await Cluster.open('default', {
      name: 'everybody',
      authenticate: async ({ node, role }) => ({ node, role, maySubmit: true }),
    });
    const directory = newDirectory();
    const credentials = open({ directory, token: await cluster.token() });
    await using joiner = new Joiner(cluster.port, credentials);
    assert.equal(await joiner.outcome(), 'connected');
    assert.equal(credentials.enrolled, false);
    assert.ok(!existsSync(join(directory, 'cluster.json')));
  });
});

describe('a token', () => {
  test('of another cluster leads nowhere, and nothing is sent', async () => {
    await using cluster = await Cluster.open();
    await using other = await Cluster.open('other');
    const directory = newDirectory();
    const token = await other.token();
    const error = refused(await visit(cluster.port, { directory, token }), 'CLUSTER_MISMATCH');
    assert.match(error.message, /127\.0\.0\.1:\d+ is not the leader that nmtk-1-c-…-[a-z2-7]{8} is of/);
    assert.match(error.message, /fingerprint/);
    assert.match(error.hint ?? '', /netmgr invite create/);
    assert.equal(open({ directory }).enrolled, false);
    assert.equal(cluster.security.counters['enrolments'], 0);
  });

  test('is not shown to impostors: neither to one with its own authority, nor to one that shows the real one as well', async () => {
    const now = clock.wallNow();
    const request = { cluster: 'default', leader: 'boss', names: [], now };
    const real = await Authority.create(request);
    const secret = new Uint8Array(20).fill(7);
    const token = formatToken({ role: 'collaborator', fingerprint: real.fingerprint, id: 'aaaabbbb', secret });
    secrets.push(token.split('-')[5] ?? '');
    const forged = await (await Authority.create(request)).issueLeaf(request);
    for (const chain of [forged.chain, `${forged.certificate}${real.certificate}`]) {
      await using server = await TlsServer.open({ key: forged.key, chain });
      await using joiner = new Joiner(server.port, open({ token }));
      refused(await joiner.outcome(), 'CLUSTER_MISMATCH');
      assert.equal(server.received, 0);
    }
  });

  test('of another cluster takes an enrolled node there, and says so', async () => {
    await using cluster = await Cluster.open();
    await using other = await Cluster.open('other');
    const directory = newDirectory();
    assert.equal(await visit(cluster.port, { directory, token: await cluster.token() }), 'connected');
    const before = said.lines.length;
    assert.equal(await visit(other.port, { directory, token: await other.token() }), 'connected');
    assert.ok(
      said.lines.slice(before).some(({ level, message }) => level === 'warn' && /leaves that one/.test(message)),
    );
    assert.equal(stored(directory).cluster, 'other');
    assert.equal(await visit(other.port, { directory }), 'connected');
  });

  test('of another cluster that does not take the node leaves it where it was', async () => {
    await using cluster = await Cluster.open();
    await using other = await Cluster.open('other');
    const directory = newDirectory();
    assert.equal(await visit(cluster.port, { directory, token: await cluster.token() }), 'connected');
    const token = await other.token();
    await other.security.invites.revokeAll();
    refused(await visit(other.port, { directory, token }), 'NOT_ALLOWED');
    assert.equal(await visit(cluster.port, { directory }), 'connected');
  });

  test('for another role, or with a typo, is refused before anything is made', async () => {
    await using cluster = await Cluster.open();
    const directory = newDirectory();
    const token = await cluster.token('operator');
    const { message, hint } = thrown(() => open({ directory, token }), 'INVALID_OPTION');
    assert.match(message, /^nmtk-1-o-…-[a-z2-7]{8} is a token for the role operator, not collaborator$/);
    assert.match(hint ?? '', /--role collaborator/);
    assert.match(
      thrown(() => open({ directory, token: `${token.slice(0, -1)}0` }), 'INVALID_OPTION').message,
      /checksum/,
    );
    assert.ok(!existsSync(directory));
    assert.equal(await visit(cluster.port, { directory, token, role: 'operator', node: 'ops' }), 'connected');
  });
});

describe('the directory of a node', () => {
  test('without its key says what is lost; with a token it becomes another device, and the name is taken', async () => {
    await using cluster = await Cluster.open();
    const directory = newDirectory();
    assert.equal(await visit(cluster.port, { directory, token: await cluster.token() }), 'connected');
    rmSync(join(directory, 'device.key'));
    const error = refused(await visit(cluster.port, { directory }), 'NOT_ALLOWED');
    assert.match(error.message, /device\.key is gone, by which the cluster "default" knows this node/);
    assert.match(error.hint ?? '', /nodes forget build1/);
    assert.equal(open({ directory }).enrolled, false);
    refused(await visit(cluster.port, { directory, token: await cluster.token() }), 'NAME_IN_USE');
    await cluster.security.devices.forget('build1');
    assert.equal(await visit(cluster.port, { directory, token: await cluster.token() }), 'connected');
  });

  test('with a damaged key is refused, token or not, and the key is left as it is', async () => {
    await using cluster = await Cluster.open();
    const directory = newDirectory();
    const token = await cluster.token('collaborator', 2);
    assert.equal(await visit(cluster.port, { directory, token }), 'connected');
    const path = join(directory, 'device.key');
    const key = keyIn(directory);
    for (const length of [0, 1, 27, 40, 80, key.length - 26]) {
      writeFileSync(path, key.slice(0, length));
      for (const given of [undefined, token]) {
        const error = thrown(() => open({ directory, token: given }), 'INVALID_OPTION');
        assert.match(error.message, /device\.key is damaged/);
        assert.match(error.hint ?? '', /Put back a copy/);
      }
      assert.equal(readFileSync(path, 'utf8'), key.slice(0, length));
    }
    writeFileSync(path, key);
    assert.equal(await visit(cluster.port, { directory }), 'connected');
  });

  test('that others can use is refused, file by file, with what to run', async () => {
    await using cluster = await Cluster.open();
    const directory = newDirectory();
    const token = await cluster.token('collaborator', 2);
    assert.equal(await visit(cluster.port, { directory, token }), 'connected');
    for (const [path, mode] of [
      [directory, 0o700],
      [join(directory, 'device.key'), 0o600],
      [join(directory, 'cluster.json'), 0o600],
    ] as const) {
      chmodSync(path, mode | 0o055);
      for (const given of [undefined, token]) {
        const { message, hint } = thrown(() => open({ directory, token: given }), 'INVALID_OPTION');
        assert.ok(message.includes(path));
        assert.equal(hint, `chmod ${mode.toString(8)} ${path}`);
      }
      chmodSync(path, mode);
    }
    assert.equal(await visit(cluster.port, { directory }), 'connected');
  });

  test('with damage in what it knows of the cluster needs a token, which mends it', async () => {
    await using cluster = await Cluster.open();
    const directory = newDirectory();
    assert.equal(await visit(cluster.port, { directory, token: await cluster.token() }), 'connected');
    const path = join(directory, 'cluster.json');
    const whole = stored(directory);
    const schema = 1;
    const damage: readonly unknown[] = [
      {},
      [],
      null,
      { ...whole, schema: undefined },
      { ...whole, schema, roots: [] },
      { ...whole, schema, roots: ['no certificate'] },
      { ...whole, schema, roots: Array(17).fill(whole.roots[0]) },
      { ...whole, schema, roots: { 0: whole.roots[0], length: 1 } },
      { ...whole, schema, leader: 7 },
    ];
    for (const text of ['', '{', ...damage.map((value) => JSON.stringify(value))]) {
      writeFileSync(path, text);
      assert.match(thrown(() => open({ directory }), 'INVALID_OPTION').message, /cluster\.json is damaged/, text);
    }
    writeFileSync(path, JSON.stringify({ ...whole, schema: 2 }));
    assert.match(thrown(() => open({ directory }), 'INVALID_OPTION').message, /of a newer netmgr/);
    assert.equal(await visit(cluster.port, { directory, token: await cluster.token() }), 'connected');
    assert.deepEqual(stored(directory), whole);
    assert.equal(cluster.security.counters['enrolments'], 1);
  });

  test('in which the welcome cannot be stored: the node is not taken for enrolled', async () => {
    await using cluster = await Cluster.open();
    const directory = newDirectory();
    const credentials = open({ directory, token: await cluster.token() });
    mkdirSync(join(directory, 'cluster.json'));
    await using joiner = new Joiner(cluster.port, credentials);
    assert.match(refused(await joiner.outcome(), 'INVALID_OPTION').message, /cluster\.json cannot be written/);
    assert.equal(credentials.enrolled, false);
    assert.deepEqual(readdirSync(directory).sort(), ['cluster.json', 'device.key']);
  });

  test('that several processes open at once has one key, which all of them use', async () => {
    await using cluster = await Cluster.open();
    const directories = Array.from({ length: 20 }, newDirectory);
    const module = new URL('../../src/security/credentials/node-credentials.js', import.meta.url).href;
    const program = `
      import { once } from 'node:events';
      import { NodeCredentials } from ${JSON.stringify(module)};
      console.log('ready');
      const { token, directories } = JSON.parse(await once(process.stdin, 'data'));
      const open = (directory) => NodeCredentials.open({ node: 'build1', role: 'collaborator', token, directory });
      console.log(directories.map((directory) => open(directory).device).join());
      process.stdin.destroy();`;
    const children = Array.from({ length: 3 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    await Promise.all(children.map(({ stdout }) => once(stdout, 'data')));
    const given = JSON.stringify({ token: await cluster.token(), directories });
    const answers = children.map(({ stdout }) => once(stdout, 'data'));
    for (const { stdin } of children) stdin.write(given);
    const [first, ...others] = (await Promise.all(answers)).map(String);
    assert.match(first ?? '', /^([a-z2-7]{10}[,\n]){20}$/);
    for (const other of others) assert.equal(other, first);
    for (const directory of directories) assert.deepEqual(readdirSync(directory), ['device.key']);
    await Promise.all(children.filter(({ exitCode }) => exitCode === null).map((child) => once(child, 'close')));
  });
});

describe("the leader's authority", () => {
  test('may be rotated: nodes that are there, that come back and that were away do not notice', async () => {
    await using cluster = await Cluster.open();
    const [here, away] = [newDirectory(), newDirectory()];
    assert.equal(
      await visit(cluster.port, { node: 'away', directory: away, token: await cluster.token() }),
      'connected',
    );
    const credentials = open({ directory: here, token: await cluster.token() });
    await using joiner = new Joiner(cluster.port, credentials);
    assert.equal(await joiner.outcome(), 'connected');
    const [first] = stored(here).roots;
    await cluster.security.rotateAuthority();
    cluster.cut('build1');
    await joiner.connected(2);
    const { roots } = stored(here);
    assert.equal(roots.length, 2);
    assert.equal(roots[1], first);
    await cluster.security.rotateAuthority();
    assert.equal(await visit(cluster.port, { node: 'away', directory: away }), 'connected');
    assert.equal(stored(away).roots.length, 3);
    assert.equal(joiner.node.seen('refused').length, 0);
  });

  test('that was rotated after a token was made says so to the one who has it', async () => {
    await using cluster = await Cluster.open();
    const token = await cluster.token();
    await cluster.security.rotateAuthority();
    assert.match(refused(await visit(cluster.port, { token }), 'CLUSTER_MISMATCH').hint ?? '', /rotated/);
  });
});

describe('the parts of a dial', () => {
  const signal = new AbortController().signal;
  const nonce = Buffer.alloc(32, 1).toString('base64url');
  const challenge = (payload: unknown): NetworkMessage =>
    ({ v: 1, id: 'a.1', kind: 'control', type: 'challenge', from: 'boss', ts: 0, payload }) as NetworkMessage;

  async function leaf(more: { cluster?: string; leader?: string } = {}) {
    const request = { cluster: 'default', leader: 'boss', names: [], now: clock.wallNow(), ...more };
    const authority = await Authority.create(request);
    const token = formatToken({
      role: 'collaborator',
      fingerprint: authority.fingerprint,
      id: 'aaaabbbb',
      secret: new Uint8Array(20).fill(9),
    });
    secrets.push(token.split('-')[5] ?? '');
    const certificate = new X509Certificate((await authority.issueLeaf(request)).certificate);
    return { authority, token, certificate };
  }

  function channel() {
    const written: [string, unknown][] = [];
    const write = (verb: string, payload: unknown) => void written.push([verb, payload]);
    const binding: Uint8Array | undefined = new Uint8Array(32);
    return { written, node: 'build1', role: 'collaborator' as const, binding, write };
  }

  test('nothing is shown to a peer without TLS', async () => {
    const { token } = await leaf();
    const to = { ...channel(), binding: undefined };
    thrown(() => open({ token }).answer(challenge({ nonce }), to), 'NOT_ALLOWED');
    assert.deepEqual(to.written, []);
  });

  test('a challenge has a nonce of 32 bytes', async () => {
    const { token } = await leaf();
    for (const payload of [
      undefined,
      null,
      'x',
      [],
      {},
      { nonce: 1 },
      { nonce: '' },
      { nonce: `${nonce}AAAA` },
      { nonce: nonce.slice(2) },
    ]) {
      const to = channel();
      assert.throws(
        () => open({ token }).answer(challenge(payload), to),
        (error) => isNetworkError(error) && error.code === 'INVALID_MESSAGE',
      );
      assert.deepEqual(to.written, []);
    }
  });

  test("a certificate is the leader's, of this cluster, and valid by this machine's clock", async () => {
    const { token, certificate, authority } = await leaf();
    const late = new VirtualClock({ epochMs: clock.wallNow() + 100 * 86_400_000 });
    const credentials = NodeCredentials.open({ node: 'build1', role: 'collaborator', token, clock: late });
    assert.match(thrown(() => credentials.checkPeer(certificate), 'NOT_ALLOWED').message, /clock/);
    thrown(() => open({ token }).checkPeer(new X509Certificate(authority.certificate)), 'NOT_ALLOWED');
    assert.throws(() => credentials.welcomed({}), /was not checked/);
  });

  test('certificates in the welcome that are not those of this leader are not believed', async () => {
    const { token, certificate, authority } = await leaf();
    const directory = newDirectory();
    const stranger = (await leaf()).authority.certificate;
    const credentials = open({ token, directory });
    // Pinned by what a real leader would show.
    await using server = await TlsServer.open(
      await authority.issueLeaf({ cluster: 'default', leader: 'boss', names: [], now: clock.wallNow() }),
    );
    const pinned = await credentials.roots({ host: '127.0.0.1', port: server.port }, signal);
    assert.deepEqual(
      pinned,
      [authority.certificate.trim()].map((pem) => `${pem}\n`),
    );
    const welcome = (roots: unknown) => {
      const to = channel();
      credentials.checkPeer(certificate);
      credentials.answer(challenge({ nonce }), to);
      credentials.welcomed({ roots });
      return to.written[0]?.[0];
    };
    assert.equal(welcome([stranger]), 'enrol');
    for (const roots of [
      [],
      'x',
      {},
      [1],
      ['no certificate'],
      [authority.certificate, 'x'],
      Array(17).fill(authority.certificate),
      undefined,
    ]) {
      assert.equal(welcome(roots), 'prove');
      assert.deepEqual(stored(directory).roots, pinned);
    }
    welcome([stranger, authority.certificate]);
    assert.equal(stored(directory).roots.length, 2);
    assert.equal(said.lines.filter(({ message }) => /are not its own/.test(message)).length, 8);
  });

  test('a cluster that changes its name under the same authority is another one', async () => {
    const { token, certificate, authority } = await leaf();
    const credentials = open({ token });
    credentials.checkPeer(certificate);
    credentials.answer(challenge({ nonce }), channel());
    credentials.welcomed({ roots: authority.roots });
    const renamed = await authority.issueLeaf({ cluster: 'renamed', leader: 'boss', names: [], now: clock.wallNow() });
    thrown(() => credentials.checkPeer(new X509Certificate(renamed.certificate)), 'CLUSTER_MISMATCH');
  });
});
