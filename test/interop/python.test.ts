import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createLeader, isNetworkError, type Leader } from '../../src/index.js';
import { assertNothingLeft } from '../leaks.js';
import { BACKENDS, missing, PythonClient, type PythonClientOptions } from './python-client.js';

assertNothingLeft();

const LISTEN = { host: '127.0.0.1', port: 0 };
const directory = mkdtempSync(join(tmpdir(), 'netmgr-python-'));
const newState = () => join(directory, randomUUID());
const clients: PythonClient[] = [];
after(() => rmSync(directory, { recursive: true }));

/** Also those of a test that failed. */
const allLeft = () => Promise.all(clients.map((client) => client.leave()));

async function tokenOf({ security }: Leader): Promise<string> {
  assert.ok(security);
  const { token } = await security.invites.create({ role: 'collaborator' });
  return token;
}

/** Starts a client; resolves once the leader shows it alive. */
async function joined(leader: Leader, options: Omit<PythonClientOptions, 'address'>): Promise<PythonClient> {
  const client = new PythonClient({ address: leader.address, ...options });
  clients.push(client);
  await client.expectLine('joined');
  await memberIs(leader, options.name, 'alive');
  return client;
}

/** Starts a client that has to be refused. @returns what it says on stderr */
async function refused(options: PythonClientOptions): Promise<string> {
  const client = new PythonClient(options);
  assert.equal(await client.ended(), 1, client.stderr);
  return client.stderr;
}

/** Resolves once the leader shows the node in this status. */
async function memberIs(leader: Leader, name: string, status: string): Promise<void> {
  const statusNow = () => leader.status().nodes.find(({ node }) => node === name)?.status;
  if (statusNow() === status) return;
  await new Promise<void>((resolve) => {
    const subscription = leader.on('member', () => {
      if (statusNow() !== status) return;
      subscription[Symbol.dispose]();
      resolve();
    });
  });
}

describe('a client written from docs/protocol.md, in Python', { skip: missing }, () => {
  let leader: Leader;
  let client: PythonClient;

  before(async () => {
    leader = await createLeader({ listen: LISTEN });
    client = await joined(leader, { name: 'snake', state: newState(), token: await tokenOf(leader) });
  });

  after(async () => {
    await allLeft();
    await leader.stop();
  });

  it('joins, and is listed with its handlers', () => {
    const [node] = leader.status().nodes;
    assert.deepEqual(node?.handlers, ['py.sum', 'py.wait']);
    assert.equal(node?.pid, client.process.pid);
  });

  it('answers a call', async () => {
    assert.deepEqual(await leader.request('py.sum', { numbers: [1, 2, 39] }, { to: 'snake' }), { sum: 42 });
  });

  it('takes a frame of many messages', async () => {
    const asked = Array.from({ length: 500 }, (_, i) => leader.request('py.sum', { numbers: [i, 1] }, { to: 'snake' }));
    const answers = await Promise.all(asked);
    assert.deepEqual(
      answers,
      asked.map((_, i) => ({ sum: i + 1 })),
    );
  });

  it('takes and gives a payload larger than the 16-bit frame length', async () => {
    const numbers = new Array<number>(50_000).fill(2);
    assert.deepEqual(await leader.request('py.sum', { numbers }, { to: 'snake' }), { sum: 100_000 });
  });

  it('says what its handler failed with', async () => {
    const failed = leader.request('py.sum', { numbers: ['one'] }, { to: 'snake' });
    await assert.rejects(failed, (error) => isNetworkError(error) && error.code === 'HANDLER_FAILED');
  });

  it('sees that the caller gave up', async () => {
    const patience = new AbortController();
    const waiting = leader.request(
      'py.wait',
      { seconds: 60 },
      { to: 'snake', timeoutMs: 60_000, signal: patience.signal },
    );
    const givenUp = assert.rejects(waiting, (error) => isNetworkError(error) && error.code === 'CANCELLED');
    await client.expectLine('waiting');
    patience.abort();
    await givenUp;
    await client.expectLine('cancelled py.wait');
  });

  it('says goodbye: it has left, and is not lost', async () => {
    assert.equal(await client.leave(), 0);
    await memberIs(leader, 'snake', 'left');
  });

  it('compresses both ways', async () => {
    await using plain = await createLeader({ listen: LISTEN, plaintext: true });
    const thrifty = await joined(plain, { name: 'thrifty', state: newState(), compress: true, trace: true });
    const times = 100_000;
    const answer = await plain.request(
      'py.repeat',
      { text: 'ü€ ', times, padding: 'x'.repeat(times) },
      { to: 'thrifty' },
    );
    assert.deepEqual(answer, { text: 'ü€ '.repeat(times) });
    await thrifty.leave();
    for (const [way, kind] of [
      ['<', 'request'],
      ['>', 'response'],
    ]) {
      const frame = new RegExp(`^${way} (.*"kind":"${kind}".*"deflate":.*)$`, 'm').exec(thrifty.stderr)?.[1];
      assert.ok(frame && frame.length < times / 10, `${frame?.length} characters`);
    }
  });

  it('joins a leader without TLS on its own host', async () => {
    await using plain = await createLeader({ listen: LISTEN, plaintext: true });
    const visitor = await joined(plain, { name: 'visitor', state: newState() });
    assert.deepEqual(await plain.request('py.sum', { numbers: [4] }, { to: 'visitor' }), { sum: 4 });
    await visitor.leave();
  });
});

describe('a device in Python', { skip: missing }, () => {
  let leader: Leader;

  before(async () => {
    leader = await createLeader({ listen: LISTEN });
  });

  after(async () => {
    await allLeft();
    await leader.stop();
  });

  for (const keys of BACKENDS) {
    it(`enrols with a key that ${keys} makes, and comes back by the key alone`, async () => {
      const device = { name: `by-${keys}`, state: newState(), keys };
      const token = await tokenOf(leader);
      const first = await joined(leader, { ...device, token, trace: true });
      await first.leave();
      assert.match(first.stderr, /^> .*"type":"enrol"/m);
      assert.doesNotMatch(first.stderr, new RegExp(token.split('-')[5] as string), 'the trace tells the secret');
      await memberIs(leader, device.name, 'left');

      const second = await joined(leader, { ...device, trace: true });
      assert.match(second.stderr, /^> .*"type":"prove"/m);
      assert.deepEqual(await leader.request('py.sum', { numbers: [3, 4] }, { to: device.name }), { sum: 7 });
      assert.equal(await second.leave(), 0);
    });
  }

  it('keeps its key for its own user', async () => {
    const state = newState();
    await (await joined(leader, { name: 'careful', state, token: await tokenOf(leader) })).leave();
    for (const file of ['device.key', 'cluster.json']) assert.equal(statSync(join(state, file)).mode & 0o777, 0o600);
    assert.equal(statSync(state).mode & 0o777, 0o700);
  });

  it('comes back when the authority was replaced, and stores the new root', async () => {
    const device = { name: 'patient', state: newState() };
    const rootsNow = () => JSON.parse(readFileSync(join(device.state, 'cluster.json'), 'utf8')).roots as string[];
    await (await joined(leader, { ...device, token: await tokenOf(leader) })).leave();
    const [old] = rootsNow();
    await leader.security?.rotateAuthority();
    await memberIs(leader, device.name, 'left');
    await (await joined(leader, device)).leave();
    assert.equal(rootsNow()[1], old);
    assert.notEqual(rootsNow()[0], old);
  });

  it('is told why it is not let in', async () => {
    const device = { address: leader.address, name: 'intruder', state: newState() };
    assert.match(await refused(device), /needs a token/);
    const token = await tokenOf(leader);
    const mistyped = `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`;
    assert.match(await refused({ ...device, token: mistyped }), /has a typo/);
    await leader.security?.invites.revoke(token.split('-')[4] as string);
    assert.match(await refused({ ...device, token }), /NOT_ALLOWED: the token \w+ was revoked/);
  });

  it('is told that it was evicted, in the session and when it comes back', async () => {
    const device = { name: 'unwanted', state: newState() };
    const client = await joined(leader, { ...device, token: await tokenOf(leader), trace: true });
    await leader.security?.devices.evict(device.name);
    await client.ended();
    assert.match(client.stderr, /"type":"connection".*"code":"EVICTED"/);
    assert.match(await refused({ address: leader.address, ...device }), /EVICTED/);
  });
});
