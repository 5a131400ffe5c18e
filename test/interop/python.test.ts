import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLeader, isNetworkError, type Leader } from '../../src/index.js';
import { assertNothingLeft } from '../leaks.js';

const CLIENT = fileURLToPath(new URL('../../../examples/python/netmgr_client.py', import.meta.url));
const missing = spawnSync('python3', ['--version']).error ? 'python3 is not installed' : false;

/** The client's stdout, line by line. */
class PythonClient {
  readonly process: ChildProcessByStdio<null, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #interface: Interface;

  constructor(address: string, name: string) {
    this.process = spawn('python3', [CLIENT, address, name], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#interface = createInterface(this.process.stdout);
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  async expectLine(text: string): Promise<void> {
    const { value } = await this.#lines.next();
    assert.equal(value, text);
  }

  async leave(): Promise<number | null> {
    if (this.process.exitCode !== null) return this.process.exitCode;
    this.process.kill('SIGTERM');
    const [code] = await once(this.process, 'close');
    return code;
  }
}

assertNothingLeft();

describe('a client written from docs/protocol.md, in Python', { skip: missing }, () => {
  let leader: Leader;
  let client: PythonClient;

  before(async () => {
    leader = await createLeader({ listen: { host: '127.0.0.1', port: 0 } });
    client = new PythonClient(leader.address, 'snake');
    await client.expectLine('joined');
    await memberIs('alive');
  });

  after(async () => {
    await client.leave();
    await leader.stop();
  });

  /** Resolves once the leader shows the client in this status. */
  async function memberIs(status: string): Promise<void> {
    const statusNow = () => leader.status().nodes.find(({ node }) => node === 'snake')?.status;
    if (statusNow() === status) return;
    await new Promise<void>((resolve) => {
      const subscription = leader.on('member', () => {
        if (statusNow() !== status) return;
        subscription[Symbol.dispose]();
        resolve();
      });
    });
  }

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
    const refused = assert.rejects(waiting, (error) => isNetworkError(error) && error.code === 'CANCELLED');
    await client.expectLine('waiting');
    patience.abort();
    await refused;
    await client.expectLine('cancelled py.wait');
  });

  it('says goodbye: it has left, and is not lost', async () => {
    assert.equal(await client.leave(), 0);
    await memberIs('left');
  });
});
