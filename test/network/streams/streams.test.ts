import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { sleep } from '../../../src/base/clock.js';
import { deferred } from '../../../src/base/deferred.js';
import { NetworkError } from '../../../src/base/errors.js';
import { payloadOf } from '../../../src/message/raw-payload.js';
import { Endpoint } from '../../../src/network/endpoint.js';
import { ReliableNetwork } from '../../../src/network/reliable/reliable-network.js';
import type { Body, BodyProgress } from '../../../src/network/streams/body.js';
import type { ByteStream } from '../../../src/network/streams/byte-stream.js';
import { assertNothingLeft } from '../../leaks.js';
import { type EndpointLab, makeEndpointLab } from '../endpoint-lab.js';
import { bytesOf, collect, forms, pieces, rereadable, sha256 } from './material.js';

assertNothingLeft();

const MIB = 1024 * 1024;

describe('a body', () => {
  let lab: EndpointLab;
  let a: Endpoint;
  let b: Endpoint;

  beforeEach(async () => {
    lab = makeEndpointLab({ codec: 'msgpack' });
    a = await lab.endpoint('a');
    b = await lab.endpoint('b', { dial: 'a' });
  });
  afterEach(async () => {
    await lab.clock.advance(100);
    assert.deepEqual([a.metrics().bodies, b.metrics().bodies], Array(2).fill({ incoming: 0, outgoing: 0 }));
    await lab.stopAll();
    assert.equal(lab.clock.pending, 0);
  });

  const send = (body: Body, limits = {}) => b.request({ type: 'store', to: 'a', payload: 'name', body }, limits);

  for (const size of [0, 1, 65_536, 3_000_001]) {
    for (const form of Object.keys(forms(new Uint8Array(0)))) {
      it(`of ${size} bytes arrives as it was sent: ${form}`, async () => {
        const bytes = bytesOf(size);
        a.handle({ handle: async (_, { body, payload }) => [payload, body?.size, sha256(await collect(body))] });
        const answer = await lab.settle(send(forms(bytes)[form] as Body));
        const known = form === 'a generator' ? null : size;
        assert.deepEqual(payloadOf(answer), ['name', known, sha256(bytes)]);
      });
    }
  }

  it('may be a Readable, and go the other way', async () => {
    const bytes = bytesOf(200_000);
    b.handle({ handle: async (_, { body }) => sha256(await collect(body)) });
    const body = Readable.from(pieces(bytes, 1000, 40_000));
    const answer = await lab.settle(a.request({ type: 'store', to: 'b', body }));
    assert.equal(payloadOf(answer), sha256(bytes));
    assert.equal(body.destroyed, true);
  });

  it('goes with an event, whose promise ends when all of it was taken', async () => {
    const bytes = bytesOf(3 * MIB);
    let taken = 0;
    a.handle({
      handle: async (_, { body }) => {
        for await (const piece of body as ByteStream) {
          await sleep(lab.clock, 50);
          taken += piece.length;
        }
        await new Promise(() => {});
      },
    });
    const taking = b.emit({ type: 'store', to: 'a', body: bytes });
    await lab.clock.advance(200);
    assert.ok(taken > 0 && taken < bytes.length);
    await lab.settle(taking);
    assert.ok(taken >= bytes.length - 256 * 1024, `${taken}`);
    await lab.settle(a.stop());
  });

  it('goes with an event that ends as well when its receiver cannot say at once that it has it', async () => {
    const network = lab.hub.node('c', { dial: 'a' });
    const send = network.send.bind(network);
    let refusals = 3;
    network.send = (message) => {
      if (message.type !== 'body-taken' || refusals === 0) return send(message);
      refusals -= 1;
      return 'BACKPRESSURE';
    };
    const c = new Endpoint({ network, clock: lab.clock });
    await c.start();
    await lab.clock.advance(10);
    c.handle({ handle: async (_, { body }) => void (await collect(body)) });
    await lab.settle(a.emit({ type: 'store', to: 'c', body: pieces(bytesOf(1000), 100) }, { timeoutMs: 2000 }));
    assert.equal(refusals, 0);
    await lab.settle(c.stop());
  });

  it('says what it is when it is whole', async () => {
    const bytes = bytesOf(100_000);
    a.handle({
      handle: async (_, { body }) => {
        const { finished } = body as ByteStream;
        const got = await collect(body);
        const { takenBytes, receivedBytes } = body as ByteStream;
        return { ...(await finished), takenBytes, receivedBytes, got: got.length };
      },
    });
    const answer = await lab.settle(send(bytes));
    const size = bytes.length;
    const expected = { size, sha256: sha256(bytes), takenBytes: size, receivedBytes: size, got: size };
    assert.deepEqual(payloadOf(answer), expected);
  });

  it('tells how far it is', async () => {
    const bytes = bytesOf(4 * MIB);
    const told: BodyProgress[] = [];
    a.handle({
      handle: async (_, { body }) => {
        for await (const _piece of body as ByteStream) await sleep(lab.clock, 60);
      },
    });
    const onProgress = (progress: BodyProgress) => {
      told.push(progress);
      throw new Error('a listener that throws breaks nobody');
    };
    await lab.settle(b.emit({ type: 'store', to: 'a', body: bytes }, { onProgress }));
    assert.ok(told.length >= 5 && told.length <= 16, `${told.length}`);
    for (const [i, { sentBytes, acknowledgedBytes, size }] of told.entries()) {
      assert.equal(size, bytes.length);
      assert.ok(acknowledgedBytes <= sentBytes && sentBytes <= acknowledgedBytes + MIB);
      assert.ok(sentBytes >= (told[i - 1]?.sentBytes ?? 0));
    }
    assert.deepEqual(told.at(-1), { sentBytes: bytes.length, acknowledgedBytes: bytes.length, size: bytes.length });
  });

  it('goes on when whoever listens to its progress is async and rejects', async () => {
    let calls = 0;
    const onProgress = (): unknown => {
      calls += 1;
      return Promise.reject(new Error('a listener that rejects breaks nobody'));
    };
    a.handle({ handle: (_, { body }) => collect(body) });
    await lab.settle(b.emit({ type: 'store', to: 'a', body: bytesOf(1000) }, { onProgress }));
    assert.ok(calls > 0);
  });

  it('need not be read: the answer ends it, and the source is closed', async () => {
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield bytesOf(10_000);
      } finally {
        closed = true;
      }
    }
    const bodies: ByteStream[] = [];
    a.handle({
      handle: async (_, { body }) => {
        bodies.push(body as ByteStream);
        for await (const piece of body as ByteStream) return piece.length;
        return 0;
      },
    });
    const answer = await lab.settle(send(endless()));
    assert.equal(typeof payloadOf(answer), 'number');
    await lab.clock.advance(100);
    assert.equal(closed, true);
    await assert.rejects((bodies[0] as ByteStream).finished, { code: 'CANCELLED' });
  });

  it('is sent as far as it is read, and holds nobody else up', async () => {
    let read = 0;
    const body = {
      async *read() {
        for (let i = 0; i < 64; i += 1) {
          read += 100_000;
          yield bytesOf(100_000);
        }
      },
    };
    const gate = deferred();
    a.handle({
      handle: async (message, context) => {
        if (message.type === 'ping') return 'pong';
        await gate.promise;
        return (await collect(context.body)).length;
      },
    });
    const slow = send(body, { timeoutMs: 60_000 });
    await lab.clock.advance(1000);
    assert.ok(read > MIB / 2 && read <= MIB + 200_000, `${read} bytes were read for a window of ${MIB}`);
    const startedAt = lab.clock.now();
    assert.equal(payloadOf(await lab.settle(b.request({ type: 'ping', to: 'a' }))), 'pong');
    assert.ok(lab.clock.now() - startedAt < 10);
    gate.resolve();
    assert.equal(payloadOf(await lab.settle(slow)), 6_400_000);
  });

  it('puts small pieces together that are there at once, and sends at once what is not', async () => {
    const chunks: number[] = [];
    a.handle({
      handle: async (_, { body }) => {
        for await (const piece of body as ByteStream) chunks.push(piece.length);
      },
    });
    await lab.settle(b.emit({ type: 'store', to: 'a', body: pieces(bytesOf(200_000), 100) }));
    assert.deepEqual(chunks, [65_536, 65_536, 65_536, 3392]);
    chunks.length = 0;
    async function* slowly(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 5; i += 1) {
        await sleep(lab.clock, 100);
        yield bytesOf(100);
      }
    }
    await lab.settle(b.emit({ type: 'store', to: 'a', body: slowly() }));
    assert.deepEqual(chunks, [100, 100, 100, 100, 100]);
  });

  it('may take any time as long as it gets on, and none when it stands still', async () => {
    a.handle({
      handle: async (_, { body, signal }) => {
        for await (const _piece of body as ByteStream) await sleep(lab.clock, 900, signal);
        return 'done';
      },
    });
    const startedAt = lab.clock.now();
    assert.equal(payloadOf(await lab.settle(send(bytesOf(5 * MIB), { timeoutMs: 1000 }))), 'done');
    assert.ok(lab.clock.now() - startedAt > 15_000);
    const reasons: unknown[] = [];
    a.handle({
      handle: async (_, { body, signal }) => {
        signal.addEventListener('abort', () => reasons.push((signal.reason as NetworkError).code));
        const { finished } = body as ByteStream;
        await finished.catch((error: NetworkError) => reasons.push(error.code));
      },
    });
    const stuck = lab.settle(send(bytesOf(5 * MIB), { timeoutMs: 1000 }));
    await assert.rejects(stuck, { code: 'TIMEOUT', message: /no more bytes were taken of 'store' by a for 1000 ms/ });
    await lab.clock.advance(10);
    assert.deepEqual(reasons, ['CANCELLED', 'CANCELLED']);
  });

  it('ends with the caller that gives up, at both ends', async () => {
    const seen: unknown[] = [];
    a.handle({
      handle: async (message, { body, signal }) => {
        signal.addEventListener('abort', () => seen.push(message.kind));
        await collect(body).catch((error: NetworkError) => seen.push(error.code));
      },
    });
    for (const kind of ['request', 'emit'] as const) {
      const abort = new AbortController();
      const given = rereadable(bytesOf(5 * MIB), [50_000]);
      lab.hub.setFaults({ bytesPerSecond: MIB });
      const sent: Promise<unknown> = b[kind]({ type: 'store', to: 'a', body: given }, { signal: abort.signal });
      lab.clock.setTimer(500, () => abort.abort());
      await assert.rejects(lab.settle(sent), { code: 'CANCELLED' });
      lab.hub.setFaults({ bytesPerSecond: undefined });
      await lab.clock.advance(5000);
    }
    assert.deepEqual(seen, ['request', 'CANCELLED', 'event', 'CANCELLED']);
  });

  it('is refused before anything is sent, if it is none or goes to many', async () => {
    const wrong: readonly [unknown, RegExp][] = [
      ['text', /^body: 'text' is not bytes/],
      [7, /^body: 7 is not/],
      [{}, /^body: an object is not/],
      [new Uint16Array(3), /^body: an object is not/],
      [{ size: -1, read: () => pieces(bytesOf(1), 1) }, /^body.size: -1 is not/],
      [{ size: 1.5, read: () => pieces(bytesOf(1), 1) }, /^body.size: 1.5 is not/],
    ];
    for (const [body, message] of wrong) {
      await assert.rejects(send(body as Body), { code: 'INVALID_OPTION', message });
    }
    const everyone = b.emit({ type: 'store', to: '*', body: bytesOf(1) });
    await assert.rejects(everyone, { code: 'INVALID_OPTION', message: /^to: a body goes to one node/ });
    await assert.rejects(b.emit({ type: '', to: 'a', body: bytesOf(1) }), { code: 'INVALID_OPTION', message: /^type/ });
    assert.equal(b.counters.bodiesSent, 0);
  });

  it('is closed when its message is refused before anybody would open it', async () => {
    const readables: Readable[] = [];
    const readable = (): Readable => {
      // It fails if it is not destroyed before: an error that nobody listens to would end the process.
      const one = createReadStream('/nobody/has/this');
      readables.push(one);
      return one;
    };
    const reliable = new ReliableNetwork(b, { clock: lab.clock, circuit: { failures: 1 } });
    a.handle({ handle: () => Promise.reject(new NetworkError('OVERLOADED', 'not now')) });
    await assert.rejects(lab.settle(reliable.request({ type: 'store', to: 'a' }, { maxRetries: 0 })));
    for (const refused of [
      b.request({ type: '', to: 'a', body: readable() }),
      b.emit({ type: '', to: 'a', body: readable() }),
      b.request({ type: 'store', to: 'a', body: readable() }, { timeoutMs: -1 }),
      reliable.request({ type: 'store', to: 'a', body: readable() }),
      reliable.request({ type: 'store', to: 'a', body: readable() }, { maxRetries: -1 }),
    ]) {
      await assert.rejects(refused);
    }
    for (const [i, one] of readables.entries()) assert.ok(one.destroyed, `${i}`);
    await Promise.all(readables.map((one) => one.closed || once(one, 'close').catch(() => {})));
    let isCancelled = false;
    const web = new ReadableStream({
      cancel: () => {
        isCancelled = true;
      },
    });
    await assert.rejects(b.request({ type: '', to: 'a', body: web as AsyncIterable<Uint8Array> }));
    assert.ok(isCancelled);
  });

  it('whose read is async, or gives no bytes to iterate, is refused by its name', async () => {
    a.handle({ handle: (_, { body }) => collect(body) });
    const read = async (): Promise<Uint8Array> => bytesOf(3);
    const body = { read } as unknown as Body;
    const message = /^body\.read: it has returned a promise, and not an AsyncIterable/;
    await assert.rejects(lab.settle(b.emit({ type: 'store', to: 'a', body })), { code: 'INVALID_OPTION', message });
    const list = { read: () => [bytesOf(3)] } as unknown as Body;
    await assert.rejects(lab.settle(b.emit({ type: 'store', to: 'a', body: list })), { message: /^body\.read: / });
  });

  it('that another message is reading is not closed by one that may not read it', async () => {
    a.handle({ handle: (_, { body }) => collect(body).then(sha256) });
    const bytes = bytesOf(2_000_000);
    const body = Readable.from(pieces(bytes, 50_000));
    const first = send(body);
    const second = send(body);
    await assert.rejects(lab.settle(second), { code: 'INVALID_OPTION', message: /^body: it was read before/ });
    assert.equal(payloadOf(await lab.settle(first)), sha256(bytes));
  });

  it('is told of what nobody takes', async () => {
    const body = bytesOf(10);
    await assert.rejects(lab.settle(send(body)), { code: 'NO_HANDLER' });
    await assert.rejects(lab.settle(b.emit({ type: 'store', to: 'a', body })), { code: 'NO_HANDLER' });
    a.handle({
      handle: () => {
        throw new NetworkError('OVERLOADED', 'come back later');
      },
    });
    await assert.rejects(lab.settle(send(body)), { code: 'OVERLOADED' });
    await assert.rejects(lab.settle(b.emit({ type: 'store', to: 'a', body })), { code: 'OVERLOADED' });
    a.handle({ handle: () => 'nothing' });
    assert.equal(payloadOf(await lab.settle(send(body))), 'nothing');
    const unread = lab.settle(b.emit({ type: 'store', to: 'a', body }));
    await assert.rejects(unread, { code: 'CANCELLED', message: /without taking all of its body/ });
  });
});
