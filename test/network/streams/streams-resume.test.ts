import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { sleep } from '../../../src/base/clock.js';
import { NetworkError } from '../../../src/base/errors.js';
import { seededRandom } from '../../../src/base/random.js';
import { payloadOf } from '../../../src/message/raw-payload.js';
import type { Endpoint } from '../../../src/network/endpoint.js';
import type { MessageContext } from '../../../src/network/message-handler.js';
import { ReliableNetwork } from '../../../src/network/reliable/reliable-network.js';
import type { ByteStream } from '../../../src/network/streams/byte-stream.js';
import { assertNothingLeft } from '../../leaks.js';
import { type EndpointLab, makeEndpointLab } from '../endpoint-lab.js';
import { bytesOf, pieces, rereadable, sha256 } from './material.js';
import { RawPeer } from './raw-peer.js';

assertNothingLeft();

const RESUME_MS = 4000;
const SIZE = 400_000;

describe('a body whose connection is lost', () => {
  let lab: EndpointLab;
  let a: Endpoint;
  let b: Endpoint;
  /** Of the handler at `a`: how often it ran, and how each of its bodies ended. */
  let runs: number;
  let ends: string[];
  let signals: AbortSignal[];
  /** How long the handler works when it has the whole body. */
  let workMs: number;

  beforeEach(async () => {
    lab = makeEndpointLab({
      bodies: { windowBytes: 65_536, resumeMs: RESUME_MS },
      faults: { bytesPerSecond: 100_000 },
    });
    a = await lab.endpoint('a');
    b = await lab.endpoint('b', { dial: 'a' });
    runs = 0;
    ends = [];
    signals = [];
    workMs = 0;
    a.handle({ handle: (_, context) => store(context) });
  });
  afterEach(async () => {
    await lab.clock.advance(2 * RESUME_MS);
    assert.deepEqual([a.metrics().bodies, b.metrics().bodies], Array(2).fill({ incoming: 0, outgoing: 0 }));
    await lab.stopAll();
    assert.equal(lab.clock.pending, 0);
  });

  async function store({ body, signal }: MessageContext): Promise<string> {
    runs += 1;
    signals.push(signal);
    try {
      for await (const _piece of body as ByteStream);
    } catch (error) {
      ends.push((error as NetworkError).code);
      throw error;
    }
    const whole = await (body as ByteStream).finished;
    ends.push('whole');
    if (workMs > 0) await sleep(lab.clock, workMs);
    return whole.sha256;
  }

  const bytes = bytesOf(SIZE);
  const cut = () => a.disconnect('b', new NetworkError('CLOSED', 'cut by the test'));
  const draft = (body: object) => ({ type: 'store', to: 'a', body: body as never });

  it('goes on where it was, if it can be read again', async () => {
    const from: number[] = [];
    const asked = b.request(draft(rereadable(bytes, [9000], from)));
    for (let i = 0; i < 3; i += 1) {
      await lab.clock.advance(1000);
      cut();
    }
    assert.equal(payloadOf(await lab.settle(asked)), sha256(bytes));
    assert.equal(runs, 1);
    assert.equal(from.length, 4);
    assert.equal(from[0], 0);
    for (const [i, offset] of from.entries()) assert.ok(i === 0 || offset > (from[i - 1] as number), `${from}`);
    assert.ok((b.counters.bodiesRepeated ?? 0) >= 3);
  });

  it('goes on with an event, and with bytes', async () => {
    const sent = b.emit(draft(bytes));
    await lab.clock.advance(1000);
    cut();
    await lab.settle(sent);
    assert.deepEqual([runs, ends], [1, ['whole']]);
  });

  it('ends with CLOSED, if it can be read only once', async () => {
    let open = true;
    const once = async function* () {
      try {
        yield* pieces(bytes, 9000);
      } finally {
        open = false;
      }
    };
    const asked = b.request(draft(once()));
    await lab.clock.advance(1000);
    cut();
    await assert.rejects(lab.settle(asked), { code: 'CLOSED', message: /a was lost before it answered/ });
    await lab.clock.advance(100);
    assert.deepEqual([ends, open], [['CLOSED'], false]);
    assert.equal((signals[0] as AbortSignal).reason.code, 'CLOSED');
  });

  it('is waited for at both ends for so long, and no longer', async () => {
    const asked = b.request(draft(bytes), { timeoutMs: 1000 });
    await lab.clock.advance(1500);
    lab.hub.partition('a', 'b');
    cut();
    b.disconnect('a', new NetworkError('CLOSED', 'cut by the test'));
    await lab.clock.advance(RESUME_MS - 200);
    assert.deepEqual([ends, a.metrics().bodies?.incoming, b.metrics().bodies?.outgoing], [[], 1, 1]);
    const text = `a was lost with 'store' under way, and not back within ${RESUME_MS} ms`;
    await assert.rejects(lab.settle(asked), { code: 'CLOSED', message: text });
    await lab.clock.advance(500);
    assert.deepEqual(ends, ['CLOSED']);
    lab.hub.healPartition('a', 'b');
  });

  it('is waited for by a receiver that stops, and ends at once with a sender that does', async () => {
    const asked = b.request(draft(bytes));
    await lab.clock.advance(1000);
    const stopping = a.stop({ graceMs: 10_000 });
    assert.equal(payloadOf(await lab.settle(asked)), sha256(bytes));
    await lab.settle(stopping);
    a = await lab.endpoint('a');
    a.handle({ handle: (_, context) => store(context) });
    await lab.clock.advance(5000);
    const given = b.request(draft(bytes));
    given.catch(() => {});
    await lab.clock.advance(1000);
    await lab.settle(b.stop({ graceMs: 1000 }));
    await assert.rejects(given, { code: 'STOPPED' });
    assert.deepEqual(ends, ['whole', 'CLOSED']);
  });

  it('ends at once when the other one comes back as another process', async () => {
    const restarted = b.request(draft(bytes));
    await lab.clock.advance(1000);
    lab.hub.crash('a');
    a = await lab.endpoint('a');
    a.handle({ handle: (_, context) => store(context) });
    await assert.rejects(lab.settle(restarted, 3500), { code: 'CLOSED', message: /a was restarted before/ });
    assert.equal(runs, 1);
  });

  it('is not done twice when the answer is lost, and the answer comes all the same', async () => {
    for (const ms of [0, 1500]) {
      workMs = ms;
      ends = [];
      const asked = b.request(draft(bytes));
      await lab.clock.runUntil(() => ends.length > 0);
      cut();
      assert.equal(payloadOf(await lab.settle(asked)), sha256(bytes));
    }
    assert.equal(runs, 2);
  });

  it('that was done is not done twice when the answer is too large to be kept', async () => {
    a.handle({
      handle: async (_, context) => {
        const digest = await store(context);
        return digest.repeat(1000);
      },
    });
    lab.hub.setFaults({ baseDelayMs: 100 });
    const asked = b.request(draft(bytes));
    await lab.clock.runUntil(() => ends.length > 0);
    await lab.clock.advance(0);
    cut();
    await assert.rejects(lab.settle(asked), {
      code: 'CLOSED',
      message: /was carried out, but its answer was too large/,
    });
    assert.equal(runs, 1);
  });

  it('is found to be stuck when messages are lost and the connection is not', async () => {
    const drops: [type: string, after: number, times: number][] = [
      ['store', 0, 1],
      ['body-chunk', 1, 2],
      ['body-chunk', 0, 1],
      ['body-end', 0, 1],
      ['body-credit', 0, 1],
    ];
    for (const [type, after, times] of drops) {
      const rule = lab.hub.when({ type }).after(after).times(times).drop();
      const asked = b.request(draft(bytesOf(60_000)), { timeoutMs: 3000 });
      assert.equal(payloadOf(await lab.settle(asked)), sha256(bytesOf(60_000)), type);
      rule[Symbol.dispose]();
    }
    assert.equal(runs, drops.length);
  });

  it('comes again from where it was after a timeout, with ReliableNetwork', async () => {
    const network = new ReliableNetwork(b, {
      clock: lab.clock,
      random: seededRandom('reliable'),
      initialTimeout: 1000,
      maxRetries: 5,
    });
    const from: number[] = [];
    const asked = network.request(draft(rereadable(bytes, [9000], from)));
    await lab.clock.advance(1500);
    const rule = lab.hub.when({ from: 'b' }).drop();
    await lab.clock.advance(2000);
    rule[Symbol.dispose]();
    assert.equal(payloadOf(await lab.settle(asked)), sha256(bytes));
    assert.equal(runs, 1);
    const once = network.request(draft(pieces(bytes, 9000)));
    await lab.clock.advance(1500);
    cut();
    await assert.rejects(lab.settle(once), { code: 'CLOSED' }, 'what can be read only once is not tried again');
  });
});

describe('a body that ends with its connection, as resumeMs is 0', () => {
  it('ends for its handler with what has happened, and not with a wait of 0 ms', async () => {
    const lab = makeEndpointLab({ bodies: { resumeMs: 0, windowBytes: 4096 } });
    const a = await lab.endpoint('a');
    const b = await lab.endpoint('b', { dial: 'a' });
    const ended: string[] = [];
    a.handle({
      handle: async (_, { body, signal }) => {
        await (body as ByteStream).finished.catch((error: NetworkError) => ended.push(error.message));
        assert.ok(signal.aborted);
      },
    });
    const asked = b.request({ type: 'store', to: 'a', body: bytesOf(50_000) });
    asked.catch(() => {});
    await lab.clock.advance(100);
    a.disconnect('b', new NetworkError('CLOSED', 'cut by the test'));
    await assert.rejects(lab.settle(asked), { code: 'CLOSED' });
    await lab.clock.advance(100);
    assert.deepEqual(ended, ["b was lost while it waited for 'store'"]);
    await lab.stopAll();
  });
});

describe('a body that stands still, with ReliableNetwork', () => {
  let lab: EndpointLab;
  let network: ReliableNetwork;

  beforeEach(async () => {
    lab = makeEndpointLab({ bodies: { windowBytes: 65_536 }, faults: { bytesPerSecond: 100_000 } });
    const a = await lab.endpoint('a');
    const b = await lab.endpoint('b', { dial: 'a' });
    network = new ReliableNetwork(b, {
      clock: lab.clock,
      random: seededRandom('still'),
      maxRetries: 20,
      budget: false,
    });
    a.handle({
      handle: async (_, { body }) => {
        for await (const _piece of body as ByteStream);
        return 'stored';
      },
    });
  });
  afterEach(() => lab.stopAll());

  /** How it ended, and how long that took. */
  async function store(timeoutMs: number): Promise<[outcome: string, tookMs: number]> {
    const startedAt = lab.clock.now();
    const asked = network.request({ type: 'store', to: 'a', body: bytesOf(SIZE) }, { timeoutMs });
    const outcome = await lab.settle(
      asked.then(
        (answer) => String(payloadOf(answer)),
        (error: NetworkError) => `${error.code}: ${error.message}`,
      ),
    );
    return [outcome, lab.clock.now() - startedAt];
  }
  const silence = (fromMs: number, forMs: number) =>
    lab.hub.schedule([{ at: fromMs, forMs, fault: { kind: 'faults', faults: { dropRate: 1 } } }]);

  it('ends when it has stood still for its timeout, whatever number of tries is left', async () => {
    silence(1000, 60_000);
    const [outcome, tookMs] = await store(4500);
    assert.match(
      outcome,
      /^TIMEOUT: no answer to 'store' from a within 4500 ms after \d+ bytes of its body, in 3 tries/,
    );
    assert.ok(tookMs > 5000 && tookMs < 6000, `${tookMs}`);
  });

  it('goes on as long as it does not, however long that takes in all', async () => {
    for (const at of [1000, 4000]) silence(at, 1500);
    const [outcome, tookMs] = await store(4000);
    assert.equal(outcome, 'stored');
    assert.ok(tookMs > 4000, `${tookMs}`);
  });
});

describe('a body that is tried again', () => {
  let lab: EndpointLab;
  let a: Endpoint;
  let network: ReliableNetwork;
  let runs: number;
  /** How long the handler works when it has the whole body. */
  let workMs: number;

  beforeEach(async () => {
    lab = makeEndpointLab();
    a = await lab.endpoint('a');
    const b = await lab.endpoint('b', { dial: 'a' });
    const random = seededRandom('reliable');
    network = new ReliableNetwork(b, { clock: lab.clock, random, maxRetries: 5, budget: false });
    runs = 0;
    workMs = 0;
    a.handle({
      handle: async (_, { body }) => {
        runs += 1;
        for await (const _piece of body as ByteStream);
        if (workMs > 0) await sleep(lab.clock, workMs);
        return 'stored';
      },
    });
  });
  afterEach(() => lab.stopAll());

  const store = async (body: Uint8Array): Promise<unknown> =>
    payloadOf(await lab.settle(network.request({ type: 'store', to: 'a', body })));

  it('is answered, when the handler had all of it and the caller did not wait until it was done', async () => {
    // The next try may come before the receiver gives the one before up, or after.
    for (const ms of [995, 1010, 1050, 1200, 1500, 1900]) {
      workMs = ms;
      assert.equal(await store(bytesOf(1000)), 'stored');
    }
  });

  it('is answered, when the answer to the try before was lost, and is not handled again', async () => {
    for (const size of [0, 1000, 2_000_000]) {
      const rule = lab.hub.when({ kind: 'response' }).once().drop();
      assert.equal(await store(bytesOf(size)), 'stored');
      assert.equal(rule.hits, 1);
    }
    assert.equal(runs, 3);
  });

  it('is handled again where its handler said so, and not where it was refused for good', async () => {
    for (const code of ['OVERLOADED', 'HANDLER_RETRY', 'IO', 'NOT_ALLOWED'] as const) {
      runs = 0;
      a.handle({
        handle: async (_, { body }) => {
          runs += 1;
          if (runs < 3) throw new NetworkError(code, 'not now');
          for await (const _piece of body as ByteStream);
          return 'stored';
        },
      });
      const asked = lab.settle(network.request({ type: 'store', to: 'a', body: bytesOf(1000) }));
      if (code === 'NOT_ALLOWED') await assert.rejects(asked, { code });
      else assert.equal(payloadOf(await asked), 'stored');
      assert.equal(runs, code === 'NOT_ALLOWED' ? 1 : 3);
    }
  });
});

describe('the receiver of a body that is under way', () => {
  it('says what it has, to each repeat, and takes the rest over another connection', async () => {
    const lab = makeEndpointLab({ bodies: { windowBytes: 65_536, resumeMs: RESUME_MS } });
    const a = await lab.endpoint('a');
    const bytes = bytesOf(1000);
    const got: Uint8Array[] = [];
    a.handle({
      handle: async (_, { body }) => {
        for await (const piece of body as ByteStream) got.push(piece);
        return sha256(Buffer.concat(got));
      },
    });
    const raw = await RawPeer.join(lab, 'raw', 'a');
    const announce = (attempt: number | undefined): Promise<void> =>
      raw.say({ id: 'r-1', kind: 'request', type: 'store', ttl: 500, body: { size: 1000, resumable: true, attempt } });
    await announce(undefined);
    await raw.chunk('r-1', 0, bytes.subarray(0, 300));
    await announce(1);
    const credit = { offset: 300, window: 65_536 };
    assert.deepEqual(raw.heard('body-credit').at(-1), { ...credit, resend: 1 });
    a.disconnect('raw', new NetworkError('CLOSED', 'cut by the test'));
    await lab.clock.advance(2000);
    await announce(undefined);
    assert.deepEqual(raw.heard('body-credit').at(-1), credit, 'what is no repeat is no reason to send anything again');
    await announce(2);
    assert.deepEqual(raw.heard('body-credit').at(-1), { ...credit, resend: 2 });
    await raw.chunk('r-1', 200, bytes.subarray(200));
    await raw.say({ type: 'body-end', re: 'r-1', payload: { size: 1000, sha256: sha256(bytes) } });
    await announce(3);
    const digest = sha256(bytes);
    assert.deepEqual(raw.heard('body-taken', 'store'), [{ size: 1000 }, digest, digest], 'the answer comes again');
    await lab.stopAll();
    await raw.stop();
  });
});
