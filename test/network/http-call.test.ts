import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { NetworkError } from '../../src/base/errors.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { assertNothingLeft } from '../leaks.js';
import { answered, type HttpNode, HttpNodes, postOf, until } from './http-nodes.js';

assertNothingLeft();

const noCurl = spawnSync('curl', ['--version']).status === 0 ? false : 'curl is not installed';

interface Seen {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
}

describe('calls with curl', { skip: noCurl }, () => {
  let nodes: HttpNodes;
  let b: HttpNode;
  let directory: string;
  let last: NetworkMessage | undefined;
  /** Calls of `wait` that have begun. */
  let waiting = 0;

  before(async () => {
    nodes = new HttpNodes();
    directory = await mkdtemp(path.join(tmpdir(), 'netmgr-curl-'));
    await writeFile(path.join(directory, 'bytes'), Buffer.from([0, 1, 2, 255]));
    await writeFile(path.join(directory, 'large'), Buffer.alloc(100_000, 'x'));
    b = await nodes.node('b', { limits: { maxFrameBytes: 64 * 1024, maxHeldPerPeer: 2 }, compression: true });
    const answers: Record<string, (payload: unknown, signal: AbortSignal) => unknown> = {
      echo: (payload) => payload ?? null,
      bytes: () => new Uint8Array([0, 1, 2, 255]),
      many: () => ({ text: 'x'.repeat(5000) }),
      kind: (payload) => (payload instanceof Uint8Array ? `bytes ${payload.length}` : typeof payload),
      fail: (payload) => Promise.reject(new NetworkError(String(payload) as 'IO', `it failed with ${payload}`)),
      leader: () => Promise.reject(new NetworkError('NOT_LEADER', 'ask c', { leader: 'c' })),
      wait: (_, signal) => {
        waiting += 1;
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    };
    b.answers((message, { payload, signal }) => {
      last = message;
      return answers[message.type]?.(payload, signal);
    });
  });
  after(async () => {
    await nodes[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  /** Without its own defaults: no progress, the head before the body. */
  async function curl(type: string, ...args: string[]): Promise<Seen> {
    const all = ['-s', '-i', '-X', 'POST', ...args, `${b.url}/v1/call/${type}`];
    const { stdout } = await promisify(execFile)('curl', all, { cwd: directory, encoding: 'buffer' });
    const end = stdout.lastIndexOf('\r\n\r\nHTTP/1.1') < 0 ? 0 : stdout.lastIndexOf('\r\n\r\nHTTP/1.1') + 4;
    const whole = stdout.subarray(end);
    const at = whole.indexOf('\r\n\r\n');
    const head = whole.subarray(0, at).toString();
    return { status: Number(head.slice(9, 12)), head, body: whole.subarray(at + 4) };
  }

  const json = (value: unknown): string[] => ['-H', 'content-type: application/json', '-d', JSON.stringify(value)];
  const binary = (type: string): string[] => ['-H', `content-type: ${type}`, '--data-binary', '@bytes'];

  it('bring JSON, and are answered in it', async () => {
    const { status, head, body } = await curl('echo', ...json({ text: 'Zürich', list: [1, null] }));
    assert.equal(status, 200);
    assert.match(head, /content-type: application\/json/i);
    assert.match(head, /^date: /im);
    assert.deepEqual(JSON.parse(body.toString()), { text: 'Zürich', list: [1, null] });
    assert.ok(body.toString().endsWith('}\n'));
    assert.deepEqual([last?.from, last?.to, last?.kind, last?.ttl], ['http', 'b', 'request', 5000]);
  });

  it('bring nothing, or bytes', async () => {
    assert.equal((await curl('kind')).body.toString(), '"undefined"\n');
    for (const type of ['application/octet-stream', 'application/x-protobuf']) {
      assert.equal((await curl('kind', ...binary(type))).body.toString(), '"bytes 4"\n');
      const echo = await curl('echo', ...binary(type));
      assert.match(echo.head, new RegExp(`content-type: ${type}`, 'i'));
      assert.deepEqual([...echo.body], [0, 1, 2, 255]);
    }
    const inJson = await curl('kind', ...json({ $b64: 'AAEC/w==' }));
    assert.equal(inJson.body.toString(), '"bytes 4"\n');
  });

  it('are answered in the form that they accept', async () => {
    const accept = (type: string) => curl('bytes', '-H', `accept: ${type}`);
    for (const [type, expected] of [
      ['*/*', 'application/octet-stream'],
      ['application/x-protobuf', 'application/x-protobuf'],
      ['application/json, application/octet-stream;q=0.5', 'application/octet-stream'],
      ['application/json', 'application/json'],
    ] as const) {
      const { head, body } = await accept(type);
      assert.match(head, new RegExp(`content-type: ${expected}`, 'i'), type);
      if (expected === 'application/json') assert.equal(body.toString(), '{"$b64":"AAEC/w=="}\n');
      else assert.deepEqual([...body], [0, 1, 2, 255]);
    }
    const { body, head } = await curl('many', '--compressed');
    assert.match(head, /content-encoding: gzip/i);
    assert.equal(JSON.parse(body.toString()).text.length, 5000);
    assert.doesNotMatch((await curl('many')).head, /content-encoding/i);
  });

  it('say who calls, and how long they wait', async () => {
    await curl('echo', '-H', 'netmgr-from: shell', '-H', 'netmgr-timeout-ms: 1234');
    assert.deepEqual([last?.from, last?.ttl], ['shell', 1234]);
    assert.equal((await curl('echo', '-H', 'netmgr-from: Shell!')).status, 400);
    assert.equal((await curl('echo', '-H', 'netmgr-from: b')).status, 409, 'the name of the node itself');
    for (const ms of ['0', 'soon', '1e12', '1.5']) {
      const { status, body } = await curl('echo', '-H', `netmgr-timeout-ms: ${ms}`);
      assert.equal(status, 400);
      assert.match(body.toString(), /header netmgr-timeout-ms: '.*' is not an integer/);
    }
    const peer = b.network.peers.get('shell');
    assert.deepEqual([peer?.role, peer?.instance, peer?.traffic.messagesIn], ['collaborator', 'caller', 1]);
  });

  it('fail with a status that fits, and with code and message', async () => {
    const cases: readonly (readonly [args: readonly [string, ...string[]], status: number, code: string])[] = [
      [['fail', ...json('NO_HANDLER')], 404, 'NO_HANDLER'],
      [['fail', ...json('NOT_ALLOWED')], 403, 'NOT_ALLOWED'],
      [['fail', ...json('INVALID_PAYLOAD')], 400, 'INVALID_PAYLOAD'],
      [['fail', ...json('OVERLOADED')], 503, 'OVERLOADED'],
      [['fail', ...json('HANDLER_RETRY')], 503, 'HANDLER_RETRY'],
      [['fail', ...json('IO')], 500, 'IO'],
      [['fail', ...json('CIRCUIT_OPEN')], 500, 'HANDLER_FAILED'],
      [['wait', '-H', 'netmgr-timeout-ms: 30'], 504, 'TIMEOUT'],
      [['echo', ...json({}), '-d', '{'], 400, 'INVALID_PAYLOAD'],
      [['echo', '-H', 'content-type: application/json', '-d', `${'['.repeat(70)}${']'.repeat(70)}`], 413, 'TOO_LARGE'],
      [['echo', '-H', 'content-type: application/json', '-d', '{"$b64":"?"}'], 400, 'INVALID_PAYLOAD'],
      [['echo', '-d', 'a=1'], 415, 'INVALID_MESSAGE'],
      [['echo', '-H', 'origin: http://localhost'], 403, 'NOT_ALLOWED'],
      [['echo', '-H', 'host: evil.example'], 403, 'NOT_ALLOWED'],
      [['echo', '-H', 'content-type: application/octet-stream', '--data-binary', '@large'], 413, 'TOO_LARGE'],
      [['not%20a%20type'], 400, 'INVALID_MESSAGE'],
      [['echo?x=1'], 400, 'INVALID_MESSAGE'],
      [[''], 400, 'INVALID_MESSAGE'],
      [['echo', '-X', 'GET'], 405, 'INVALID_MESSAGE'],
    ];
    for (const [args, status, code] of cases) {
      const seen = await curl(...args);
      const { code: told, message } = JSON.parse(seen.body.toString());
      assert.deepEqual([seen.status, told], [status, code], args.join(' '));
      assert.equal(typeof message, 'string');
      if (status === 503) assert.match(seen.head, /retry-after: 1/i);
      if (status === 405) assert.match(seen.head, /allow: POST/i);
    }
    const moved = await curl('leader');
    assert.deepEqual(
      [moved.status, JSON.parse(moved.body.toString())],
      [421, { code: 'NOT_LEADER', message: 'ask c', leader: 'c' }],
    );
  });

  it('answer HEAD without a body, and nothing else but POST', async () => {
    const { stdout } = await promisify(execFile)('curl', ['-s', '-I', `${b.url}/v1/call/echo`]);
    assert.match(stdout, /^HTTP\/1.1 405/);
    const options = await promisify(execFile)('curl', ['-s', '-i', '-X', 'OPTIONS', `${b.url}/v1/messages`]);
    assert.match(options.stdout, /^HTTP\/1.1 405/);
    assert.doesNotMatch(options.stdout, /access-control/i);
  });

  it('tell the handler when they go away, and are refused when too many wait', async () => {
    const before = b.network.counters.abandoned;
    waiting = 0;
    const long = ['-s', '-X', 'POST', '-H', 'netmgr-timeout-ms: 600000', `${b.url}/v1/call/wait`];
    const callers = [1, 2].map(() => execFile('curl', long));
    await until(() => waiting === 2, 'both');
    assert.equal((await curl('wait')).status, 503);
    for (const caller of callers) caller.kill();
    await until(() => b.network.counters.abandoned === before + 2, 'their ends');
  });

  it('are refused while the node stops', async () => {
    const other = await nodes.node('other');
    other.answers(() => new Promise(() => {}));
    const hanging = promisify(execFile)('curl', ['-s', '-i', '-X', 'POST', `${other.url}/v1/call/wait`]);
    await until(() => other.network.peers.has('http'), 'the call');
    // Connected before: a process of its own might come when the grace is over.
    const late = await nodes.raw(other.port);
    const stopped = other.endpoint.stop({ graceMs: 300 });
    late.socket.write(postOf('1', {}, '/v1/call/echo'));
    assert.equal((await answered(late)).status, 503);
    assert.match(late.text, /shutting down/);
    await stopped;
    assert.match((await hanging).stdout, /^HTTP\/1.1 502[\s\S]*was stopped before it was done/);
  });
});
