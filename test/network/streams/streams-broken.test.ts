import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { NetworkError } from '../../../src/base/errors.js';
import { payloadOf } from '../../../src/message/raw-payload.js';
import type { Endpoint } from '../../../src/network/endpoint.js';
import type { ByteStream } from '../../../src/network/streams/byte-stream.js';
import { assertNothingLeft } from '../../leaks.js';
import { type EndpointLab, makeEndpointLab } from '../endpoint-lab.js';
import { bytesOf, collect, pieces, rereadable, sha256 } from './material.js';
import { RawPeer } from './raw-peer.js';

assertNothingLeft();

const WINDOW = 8192;

describe('what a sender may get wrong', () => {
  let lab: EndpointLab;
  let a: Endpoint;
  let raw: RawPeer;
  /** How the bodies at `a` have ended. */
  let ends: string[];

  beforeEach(async () => {
    lab = makeEndpointLab({ bodies: { windowBytes: WINDOW, maxIncoming: 4, maxIncomingPerPeer: 3 } });
    a = await lab.endpoint('a');
    raw = await RawPeer.join(lab, 'raw', 'a');
    ends = [];
    a.handle({
      handle: async (_, { body }) => {
        try {
          const bytes = await collect(body);
          ends.push(`whole ${bytes.length}`);
          return bytes.length;
        } catch (error) {
          ends.push(`${(error as NetworkError).code}: ${(error as NetworkError).message}`);
          throw error;
        }
      },
    });
  });
  afterEach(async () => {
    await raw.stop();
    await lab.stopAll();
    assert.equal(lab.clock.pending, 0);
  });

  const announce = (id: string, body = {}, kind: 'request' | 'event' = 'request') =>
    raw.say({ id, kind, type: 'store', ttl: 5000, body });
  const end = (re: string, bytes: Uint8Array, size = bytes.length) =>
    raw.say({ type: 'body-end', re, payload: { size, sha256: sha256(bytes) } });

  it('is let begin, told what was taken, and answered', async () => {
    await announce('r-1', { size: 5 });
    assert.deepEqual(raw.heard('body-credit'), [{ offset: 0, window: WINDOW }]);
    await raw.chunk('r-1', 0, bytesOf(5));
    await end('r-1', bytesOf(5));
    assert.deepEqual(raw.heard('body-taken', 'store'), [{ size: 5 }, 5]);
    assert.deepEqual(ends, ['whole 5']);
  });

  const bytes = bytesOf(100);
  const wrongs: readonly [name: string, code: string, message: RegExp, act: (id: string) => Promise<void>][] = [
    [
      'a wrong CRC',
      'DESERIALIZATION',
      /bytes 0 to 100 of the body arrived damaged/,
      (id) => raw.chunk(id, 0, bytes, 1),
    ],
    ['a negative offset', 'INVALID_MESSAGE', /body-chunk.offset: -1/, (id) => raw.chunk(id, -1, bytes)],
    ['half an offset', 'INVALID_MESSAGE', /body-chunk.offset: 0.5/, (id) => raw.chunk(id, 0.5, bytes)],
    ['a CRC beyond 32 bits', 'INVALID_MESSAGE', /body-chunk.crc: 4294967296/, (id) => raw.chunk(id, 0, bytes, 2 ** 32)],
    [
      'bytes behind the end',
      'INVALID_MESSAGE',
      /bytes 0 to 100, but the body has 50 bytes/,
      async (id) => {
        await end(id, bytes, 50);
        await raw.chunk(id, 0, bytes);
      },
    ],
    ['no byte', 'INVALID_MESSAGE', /is not at least one byte/, (id) => raw.chunk(id, 0, new Uint8Array(0))],
    [
      'no bytes but a text',
      'INVALID_MESSAGE',
      /body-chunk.data: 'x' is not/,
      (re) => raw.say({ type: 'body-chunk', re, payload: { offset: 0, crc: 0, data: 'x' } }),
    ],
    ['no payload', 'INVALID_MESSAGE', /undefined, is not an object/, (re) => raw.say({ type: 'body-chunk', re })],
    ['more than the window', 'INVALID_MESSAGE', /the window ends at 8192/, (id) => raw.chunk(id, 8100, bytes)],
    ['a wrong SHA-256', 'DESERIALIZATION', /its SHA-256 is e3b0/, (id) => end(id, bytesOf(3), 0)],
    [
      'no SHA-256',
      'INVALID_MESSAGE',
      /body-end.sha256: 'x'/,
      (re) => raw.say({ type: 'body-end', re, payload: { size: 0, sha256: 'x' } }),
    ],
    ['an end of no size', 'INVALID_MESSAGE', /body-end.size: -1/, (id) => end(id, bytes, -1)],
    [
      'an end before what has come',
      'INVALID_MESSAGE',
      /body-end.size: 50 bytes, but 100 have arrived/,
      async (id) => {
        await raw.chunk(id, 0, bytes);
        await end(id, bytes, 50);
      },
    ],
  ];
  for (const [name, code, message, act] of wrongs) {
    it(`${name} is refused`, async () => {
      for (const kind of ['request', 'event'] as const) {
        await announce(kind, {}, kind);
        await act(kind);
        const [{ code: said, message: words } = { code: '', message: '' }] = raw.heard('body-cancel').splice(-1) as {
          code: string;
          message: string;
        }[];
        assert.equal(said, code);
        assert.match(words, message);
      }
      assert.equal(ends.length, 2);
      for (const text of ends) assert.match(text, new RegExp(`^${code}: `));
      assert.equal(raw.received.filter(({ kind }) => kind === 'error').length, 1, 'the request is answered');
      assert.deepEqual(
        raw.heard('store').map((answer) => (answer as { code: string }).code),
        [code],
      );
      assert.equal(a.counters.bodiesFailed, 2);
    });
  }

  it('is held to the size that it announced', async () => {
    await announce('r-1', { size: 99 });
    await raw.chunk('r-1', 0, bytes);
    await announce('r-2', { size: 99 });
    await end('r-2', bytes, 98);
    assert.match(ends[0] ?? '', /^INVALID_MESSAGE: body-chunk.offset: bytes 0 to 100, but the body has 99 bytes/);
    assert.match(ends[1] ?? '', /^INVALID_MESSAGE: body-end.size: 98 bytes, but 99 were announced/);
  });

  it('may repeat, overtake and overlap', async () => {
    await announce('r-1', {});
    const part = (from: number, to: number) => raw.chunk('r-1', from, bytes.subarray(from, to));
    for (const [from, to] of [
      [60, 100],
      [40, 70],
      [0, 10],
      [0, 10],
      [5, 25],
      [80, 90],
    ] as const) {
      await part(from, to);
    }
    await end('r-1', bytes);
    assert.deepEqual(ends, []);
    await part(20, 45);
    assert.deepEqual(ends, ['whole 100']);
    assert.equal(a.counters.chunksRepeated, 1);
    await part(0, 10);
    await end('r-1', bytes);
    assert.equal(a.counters.chunksLate, 2);
  });

  it('cannot fill the memory with what overtakes', async () => {
    await announce('r-1', {});
    for (let i = 0; i < 100; i += 1) await raw.chunk('r-1', 1 + i, bytesOf(8000));
    await raw.chunk('r-1', 0, bytes.subarray(0, 1));
    assert.deepEqual(ends, []);
    await raw.say({ type: 'body-cancel', re: 'r-1', payload: { code: 'CANCELLED', message: 'never mind' } });
    assert.deepEqual(ends, ['CANCELLED: never mind']);
    assert.deepEqual(raw.heard('store'), [], 'who gives up gets no answer');
  });

  it('cannot end the body of another', async () => {
    const other = await RawPeer.join(lab, 'other', 'a');
    await announce('r-1', {});
    await other.chunk('r-1', 0, bytes);
    await other.say({ type: 'body-cancel', re: 'r-1', payload: { code: 'CANCELLED', message: 'mine' } });
    await raw.chunk('r-1', 0, bytes);
    await end('r-1', bytes);
    assert.deepEqual(ends, ['whole 100']);
    await other.stop();
  });

  it('is OVERLOADED beyond so many bodies of one peer, and others are not', async () => {
    for (const id of ['r-1', 'r-2', 'r-3', 'r-4']) await announce(id);
    assert.deepEqual(
      raw.heard('store').map((error) => (error as { message: string }).message),
      ['a has 3 bodies of raw coming in, its limit for one peer'],
    );
    const other = await RawPeer.join(lab, 'other', 'a');
    await other.say({ id: 'o-1', kind: 'request', type: 'store', ttl: 5000, body: {} });
    assert.equal(other.heard('body-credit').length, 1);
    assert.deepEqual([a.counters.bodiesRefusedOfPeer, a.counters.bodiesRefused], [1, 0]);
    await raw.say({ type: 'cancel', re: 'r-1' });
    await announce('r-5');
    assert.equal(raw.heard('body-credit').length, 4);
    await other.stop();
  });

  it('has all places if it is the one that was dialled: through it come the bodies of many', async () => {
    const member = await lab.endpoint('member', { dial: 'a' });
    member.handle({ handle: (_, { body }) => collect(body).then(({ length }) => length) });
    const sizes = [20_001, 20_002, 20_003, 20_004];
    const answers = sizes.map((size) => a.request({ type: 'store', to: 'member', body: bytesOf(size) }));
    assert.deepEqual((await lab.settle(Promise.all(answers))).map(payloadOf), sizes);
    assert.equal(member.counters.bodiesRefusedOfPeer, 0);
  });

  it('is OVERLOADED beyond so many bodies, with a request and with an event', async () => {
    const other = await RawPeer.join(lab, 'other', 'a');
    await other.say({ id: 'o-1', kind: 'request', type: 'store', ttl: 5000, body: {} });
    for (const id of ['r-1', 'r-2', 'r-3', 'r-4']) await announce(id);
    await announce('e-1', {}, 'event');
    const refused = [...raw.heard('store'), ...raw.heard('body-cancel')] as { code: string; message: string }[];
    assert.deepEqual(
      refused.map(({ code }) => code),
      ['OVERLOADED', 'OVERLOADED'],
    );
    assert.match(refused[0]?.message ?? '', /^a has 4 bodies coming in, its limit/);
    assert.equal(a.counters.bodiesRefused, 2);
    await raw.say({ type: 'cancel', re: 'r-1' });
    await announce('r-5');
    assert.equal(a.counters.bodiesRefused, 2);
    await other.stop();
  });

  it('is told that nobody waits, when it asks for more of what is not', async () => {
    await raw.say({ type: 'body-credit', re: 'x-1', payload: { offset: 0, window: 10 } });
    assert.equal((raw.heard('body-cancel')[0] as { code: string }).code, 'CANCELLED');
    for (const type of ['body-taken', 'body-cancel', 'body-end', 'body-chunk']) await raw.say({ type, re: 'x-1' });
    await raw.say({ type: 'body-chunk' });
    assert.equal(raw.heard('body-cancel').length, 1);
  });
});

describe('what a receiver may get wrong', () => {
  let lab: EndpointLab;
  let a: Endpoint;
  let raw: RawPeer;

  beforeEach(async () => {
    lab = makeEndpointLab();
    a = await lab.endpoint('a');
    raw = await RawPeer.join(lab, 'raw', 'a');
  });
  afterEach(async () => {
    await raw.stop();
    await lab.stopAll();
    assert.equal(lab.clock.pending, 0);
  });

  /** A request to the raw peer, its id, and how it ended. */
  const ask = async (body: Uint8Array | AsyncIterable<Uint8Array>, timeoutMs = 1000) => {
    const asked = a.request({ type: 'store', to: 'raw', body }, { timeoutMs });
    const ended = asked.then(
      (answer) => payloadOf(answer),
      (error: NetworkError) => `${error.code}: ${error.message}`,
    );
    await lab.clock.advance(10);
    return { ended: () => lab.settle(ended), id: raw.received.at(-1)?.id as string };
  };
  const credit = (re: string, payload: unknown) => raw.say({ type: 'body-credit', re, payload });

  it('an answer of one that knows no bodies is none', async () => {
    const { ended, id } = await ask(bytesOf(10));
    await raw.say({ kind: 'response', type: 'store', re: id, payload: 'stored!' });
    assert.match(String(await ended()), /^VERSION_MISMATCH: raw answered 'store' without taking notice of its body/);
    const failing = await ask(bytesOf(10));
    await raw.say({ kind: 'error', type: 'store', re: failing.id, payload: { code: 'NOT_ALLOWED', message: 'no' } });
    assert.equal(await failing.ended(), 'NOT_ALLOWED: no');
  });

  it('credits that cannot be end the request', async () => {
    for (const [payload, message] of [
      [{ offset: 11, window: 1 }, /^INVALID_MESSAGE: body-credit.offset: 11 is more than the 10 bytes so far/],
      [{ offset: -1, window: 1 }, /^INVALID_MESSAGE: body-credit.offset: -1/],
      [{ offset: 0 }, /^INVALID_MESSAGE: body-credit.window: undefined/],
      [{ offset: 1, window: Number.MAX_SAFE_INTEGER }, /^INVALID_MESSAGE: body-credit.window/],
      ['all', /^INVALID_MESSAGE: body-credit: its payload, 'all', is not an object/],
    ] as const) {
      const { ended, id } = await ask(bytesOf(10));
      await credit(id, payload);
      assert.match(String(await ended()), message);
      await lab.clock.advance(10);
      assert.equal((raw.heard('body-cancel').at(-1) as { code: string }).code, 'CANCELLED');
    }
  });

  it('it is sent no more than it lets be sent', async () => {
    const { ended, id } = await ask(bytesOf(1000));
    await credit(id, { offset: 0, window: 400 });
    const sent = () =>
      raw.heard('body-chunk').reduce<number>((end, chunk) => {
        const { offset, data } = chunk as { readonly offset: number; readonly data: Uint8Array };
        assert.equal(offset, end);
        return offset + data.length;
      }, 0);
    const first = sent();
    assert.ok(first > 200 && first <= 400, `${first}`);
    await credit(id, { offset: first, window: 400 - first });
    assert.equal(sent(), first);
    await credit(id, { offset: first, window: 1000 - first });
    assert.equal(sent(), 1000);
    assert.deepEqual(raw.heard('body-end'), [{ size: 1000, sha256: sha256(bytesOf(1000)) }]);
    await raw.say({ kind: 'response', type: 'store', re: id, payload: 'stored' });
    assert.equal(await ended(), 'stored');
  });

  it('one that takes what was not sent yet is not believed', async () => {
    const { ended, id } = await ask(pieces(bytesOf(1000), 10));
    await credit(id, { offset: 0, window: 100 });
    await raw.say({ type: 'body-taken', re: id, payload: { size: 1000 } });
    await credit(id, { offset: 500, window: 100 });
    assert.match(String(await ended()), /^INVALID_MESSAGE: body-credit.offset: 500 is more than the \d+ bytes so far/);
  });

  it('one that is silent times out', async () => {
    const silent = await ask(bytesOf(10), 600);
    assert.match(String(await silent.ended()), /^TIMEOUT: no answer to 'store' by raw for 600 ms, after 0 bytes/);
    const { ended, id } = await ask(bytesOf(1000), 600);
    await credit(id, { offset: 0, window: 100 });
    assert.match(
      String(await ended()),
      /^TIMEOUT: no more bytes were taken of 'store' by raw for 600 ms, after 0 bytes/,
    );
    await lab.clock.advance(10);
    assert.equal(raw.received.filter(({ type }) => type === 'cancel').length, 2);
  });

  it('one that cancels has the source closed, and the request goes on', async () => {
    const from: number[] = [];
    let open = true;
    const { size, read } = rereadable(bytesOf(1000), [10], from);
    const body = {
      size,
      async *read(offset: number) {
        try {
          yield* read(offset);
        } finally {
          open = false;
        }
      },
    };
    const { ended, id } = await ask(body as never);
    await credit(id, { offset: 0, window: 100 });
    await raw.say({ type: 'body-cancel', re: id, payload: { code: 'CANCELLED', message: 'enough' } });
    assert.equal(open, false);
    await credit(id, { offset: 100, window: 900 });
    assert.equal(raw.heard('body-end').length, 0);
    await raw.say({ kind: 'response', type: 'store', re: id, payload: 'enough' });
    assert.equal(await ended(), 'enough');
    assert.deepEqual(from, [0]);
  });
});

describe('what a source may get wrong', () => {
  let lab: EndpointLab;
  let a: Endpoint;
  let b: Endpoint;
  let ends: string[];

  beforeEach(async () => {
    lab = makeEndpointLab();
    a = await lab.endpoint('a');
    b = await lab.endpoint('b', { dial: 'a' });
    ends = [];
    a.handle({
      handle: async (_, { body }) => {
        await (body as ByteStream).finished.catch((error: NetworkError) =>
          ends.push(`${error.code}: ${error.message}`),
        );
      },
    });
  });
  afterEach(async () => {
    await lab.clock.advance(10);
    await lab.stopAll();
    assert.equal(lab.clock.pending, 0);
  });

  const wrongs: readonly [name: string, body: object, error: RegExp][] = [
    [
      'it throws',
      // biome-ignore lint/correctness/useYield: it fails before it gives anything
      (async function* () {
        throw new Error('the disk is on fire');
      })(),
      /^IO: the body cannot be read: the disk is on fire/,
    ],
    [
      'it cannot be opened',
      {
        read: () => {
          throw new Error('no such file');
        },
      },
      /^IO: the body cannot be read: no such file/,
    ],
    [
      'it gives no iterable',
      { read: () => undefined },
      /^INVALID_OPTION: body.read: it has returned undefined, and not an AsyncIterable/,
    ],
    [
      'it gives a text',
      (async function* () {
        yield 'text';
      })(),
      /^INVALID_OPTION: body: a piece of it, 'text', is not bytes/,
    ],
    [
      'it has less than it said',
      { size: 11, read: () => pieces(bytesOf(10), 3) },
      /^INVALID_OPTION: body: it has 10 bytes, not the 11/,
    ],
    [
      'it has more than it said',
      { size: 9, read: () => pieces(bytesOf(10), 3) },
      /^INVALID_OPTION: body: it has more than the 9 bytes/,
    ],
  ];
  for (const [name, body, error] of wrongs) {
    it(`${name}: its request fails with its words, and its receiver is told`, async () => {
      const asked = b.request({ type: 'store', to: 'a', body: body as never });
      const ended = await lab.settle(
        asked.then(
          () => 'answered',
          (thrown: NetworkError) => `${thrown.code}: ${thrown.message}`,
        ),
      );
      assert.match(ended, error);
      await lab.clock.advance(10);
      assert.equal(ends.length, 1);
      assert.equal(ends[0], `CANCELLED: ${ended.slice(ended.indexOf(' ') + 1)}`);
    });
  }

  it('a Readable that fails before it is read does no harm', async () => {
    const { Readable } = await import('node:stream');
    const body = new Readable({ read() {} });
    const asked = b.request({ type: 'store', to: 'a', body });
    body.destroy(new Error('gone'));
    await assert.rejects(lab.settle(asked), { code: 'IO', message: /gone/ });
  });
});
