import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { payloadOf } from '../../src/message/raw-payload.js';
import { Endpoint } from '../../src/network/endpoint.js';
import { TcpNetwork } from '../../src/network/tcp/network.js';
import { assertNothingLeft } from '../leaks.js';
import { until } from './tcp-nodes.js';

assertNothingLeft();

const SCRIPT = fileURLToPath(new URL('../../../examples/erlang/node.escript', import.meta.url));
const missing = spawnSync('escript', ['-h']).error === undefined ? false : 'erl is not installed';

/** The node in Erlang, and what it has printed. */
class Erlang implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  said = '';

  constructor(...args: string[]) {
    this.#child = spawn('escript', [SCRIPT, ...args]);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        this.said += bytes;
      });
    }
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    let match: RegExpExecArray | null = null;
    await until(() => {
      match = pattern.exec(this.said);
      return match !== null;
    }, `Erlang to say ${pattern}; it said ${this.said}`);
    return match as unknown as RegExpExecArray;
  }

  /** Ends its standard input, upon which it leaves. */
  async leave(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const exited = once(this.#child, 'exit');
    this.#child.stdin.end();
    const [code] = await exited;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

async function endpointWith(addresses: Map<string, string>): Promise<{ endpoint: Endpoint; port: number }> {
  const network = new TcpNetwork({ self: 'a' }, { listen: [{ host: '127.0.0.1', port: 0 }], addresses });
  const endpoint = new Endpoint({ network });
  endpoint.handle({ handle: (message, { payload }) => (message.type === 'double' ? 2 * Number(payload) : undefined) });
  await endpoint.start();
  const bound = network.boundAddresses.get('tcp');
  return { endpoint, port: bound && 'port' in bound ? bound.port : 0 };
}

async function sums(endpoint: Endpoint): Promise<void> {
  const answers = [];
  for (let i = 0; i < 50; i += 1) answers.push(endpoint.request({ type: 'sum', to: 'erl', payload: [i, 1, 2] }));
  for (const [i, answer] of (await Promise.all(answers)).entries()) assert.equal(payloadOf(answer), i + 3);
}

describe('a node in Erlang, with {packet, 4}', { skip: missing }, () => {
  test('that dials: requests both ways, and a goodbye', async () => {
    const { endpoint, port } = await endpointWith(new Map());
    await using erlang = new Erlang('dial', '127.0.0.1', String(port), 'erl', 'a');
    const left: boolean[] = [];
    endpoint.onPeer((event) => event.type === 'disconnected' && left.push(event.left));
    await erlang.says(/double 21 is 42\n/);
    await sums(endpoint);
    assert.equal(await erlang.leave(), 0);
    await until(() => left.length === 1, 'its end');
    assert.deepEqual(left, [true]);
    await endpoint.stop();
  });

  test('that is dialled: the same', async () => {
    await using erlang = new Erlang('listen', 'erl');
    const [, port] = await erlang.says(/listening (\d+)\n/);
    const { endpoint } = await endpointWith(new Map([['erl', `127.0.0.1:${port}`]]));
    await sums(endpoint);
    await erlang.says(/double 21 is 42\n/);
    await endpoint.stop();
    await erlang.says(/the peer left\n/);
  });

  test('that expects another node is told so', async () => {
    const { endpoint, port } = await endpointWith(new Map());
    await using erlang = new Erlang('dial', '127.0.0.1', String(port), 'erl', 'b');
    await erlang.says(/refused: .*UNREACHABLE.*this is a, not b/);
    await endpoint.stop();
  });
});
