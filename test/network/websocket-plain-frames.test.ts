import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as ws from 'ws';
import { SpareBuffer } from '../../src/network/framed/spare-buffer.js';
import { PlainFrames } from '../../src/network/websocket/plain-frames.js';
import { assertNothingLeft } from '../leaks.js';
import { Nodes, until } from './websocket-nodes.js';

assertNothingLeft();

interface Receiver extends EventEmitter {
  write(chunk: Buffer): boolean;
  readonly errored: Error | null;
}
/** The reader of `ws`: the oracle. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Receiver };

const MAX_BYTES = 2000;

interface Frame {
  readonly first: number;
  readonly payload: Buffer;
  readonly mask: Buffer | undefined;
  /** Bytes that the length takes on the wire: 0, 2 or 8; more than needed is a fault. */
  readonly lengthBytes: number;
}

function bytesOf({ first, payload, mask, lengthBytes }: Frame): Buffer {
  const short = lengthBytes === 0 ? payload.length : lengthBytes === 2 ? 126 : 127;
  const length = Buffer.alloc(lengthBytes);
  if (lengthBytes === 2) length.writeUInt16BE(payload.length);
  if (lengthBytes === 8) length.writeBigUInt64BE(BigInt(payload.length));
  const masked = mask ? payload.map((byte, i) => byte ^ (mask[i & 3] as number)) : payload;
  return Buffer.concat([Buffer.from([first, (mask ? 0x80 : 0) | short]), length, mask ?? Buffer.alloc(0), masked]);
}

const needed = (bytes: number): number => (bytes < 126 ? 0 : bytes < 65_536 ? 2 : 8);

function frameOf(masked: boolean): fc.Arbitrary<Frame> {
  const payload = fc.oneof(
    { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => Buffer.from(text)) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.integer({ min: 100, max: MAX_BYTES + 50 }).map((size) => Buffer.alloc(size, 0x61)) },
  );
  const key = fc.oneof(fc.constant(Buffer.alloc(4)), fc.constant(Buffer.from([1, 2, 3, 4])));
  const opcode = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(0x81, 0x82) },
    { weight: 3, arbitrary: fc.constantFrom(0x01, 0x02, 0x00, 0x80, 0x89, 0x8a) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
  );
  const wrong = fc.integer({ min: 0, max: 60 });
  return fc.record({ first: opcode, payload, key, wrong }).map(({ first, payload, key, wrong }) => {
    const isMasked = wrong === 0 ? !masked : masked;
    const lengthBytes = wrong === 1 ? 8 : wrong === 2 && payload.length < 65_536 ? 2 : needed(payload.length);
    return { first, payload, mask: isMasked ? key : undefined, lengthBytes };
  });
}

/** What comes out of a reader: each message, ping and pong, and the fault with which it ended. */
class Story {
  readonly lines: string[] = [];
  #over = false;

  watch(receiver: Receiver): void {
    receiver.on('message', (data: Buffer, binary: boolean) => this.received(data, binary));
    receiver.on('ping', (data: Buffer) => this.lines.push(`ping ${data.toString('hex')}`));
    receiver.on('pong', (data: Buffer) => this.lines.push(`pong ${data.toString('hex')}`));
    receiver.on('conclude', (code: number) => this.#end(`close ${code}`));
    receiver.on('error', (error: Error & { code: string }) => this.#end(`error ${error.code}`));
  }

  received(data: Buffer, binary: boolean): void {
    this.lines.push(`${binary ? 'binary' : 'text'} ${data.toString('hex')}`);
  }

  feed(chunks: readonly Buffer[], write: (chunk: Buffer) => unknown): string[] {
    // Copied: ws unmasks in place. As with a socket, nothing more is given to a reader that has ended.
    for (const chunk of chunks) if (!this.#over) write(Buffer.from(chunk));
    return this.lines;
  }

  #end(line: string): void {
    this.#over = true;
    this.lines.push(line);
  }
}

const receiverOf = (masked: boolean): Receiver =>
  new Receiver({ isServer: masked, maxPayload: MAX_BYTES, maxFragments: 8, maxBufferedChunks: 4096, extensions: {} });

function byWs(chunks: readonly Buffer[], masked: boolean): string[] {
  const receiver = receiverOf(masked);
  const story = new Story();
  story.watch(receiver);
  return story.feed(chunks, (chunk) => receiver.write(chunk));
}

function byUs(chunks: readonly Buffer[], masked: boolean): { readonly lines: string[]; readonly plain: number } {
  const receiver = receiverOf(masked);
  const story = new Story();
  story.watch(receiver);
  let plain = 0;
  const received = (data: Buffer, binary: boolean): boolean => {
    plain += 1;
    story.received(data, binary);
    return true;
  };
  const rules = { masked, maxBytes: MAX_BYTES };
  const frames = new PlainFrames({ rules, sink: { received }, spare: new SpareBuffer(), ws: receiver });
  const lines = story.feed(chunks, (chunk) => frames.write(chunk));
  return { lines, plain };
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const ends = [...places, bytes.length];
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end)).filter((chunk) => chunk.length > 0);
}

/** The error of `ws` comes a tick later than its messages. */
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the reader of plain frames', () => {
  for (const masked of [true, false]) {
    it(`reads whatever arrives as ws alone would, ${masked ? 'from a client' : 'from a server'}`, async () => {
      const frames = fc.array(frameOf(masked), { minLength: 1, maxLength: 12 });
      const cuts = fc.array(fc.nat({ max: 5000 }), { maxLength: 10 });
      await fc.assert(
        fc.asyncProperty(frames, cuts, async (frames, cuts) => {
          const chunks = cut(Buffer.concat(frames.map(bytesOf)), cuts);
          const expected = byWs(chunks, masked);
          const { lines } = byUs(chunks, masked);
          await tick();
          assert.deepEqual(lines, expected);
        }),
        { numRuns: 2000 },
      );
    });
  }

  it('takes whole frames of one chunk itself, in order with those that it leaves to ws', () => {
    const text = (payload: string, mask = Buffer.alloc(4)): Buffer =>
      bytesOf({ first: 0x81, payload: Buffer.from(payload), mask, lengthBytes: needed(payload.length) });
    const ping = bytesOf({ first: 0x89, payload: Buffer.from('p'), mask: Buffer.alloc(4), lengthBytes: 0 });
    const start = bytesOf({ first: 0x01, payload: Buffer.from('one '), mask: Buffer.alloc(4), lengthBytes: 0 });
    const end = bytesOf({ first: 0x80, payload: Buffer.from('two'), mask: Buffer.alloc(4), lengthBytes: 0 });
    const first = Buffer.concat([text('a'), text('b'.repeat(200)), ping, text('behind a ping')]);
    const chunks = [first, text('c'), text('masked', Buffer.from([9, 9, 9, 9])), start, end, text('d')];
    const { lines, plain } = byUs(chunks, true);
    assert.deepEqual(lines, byWs(chunks, true));
    assert.equal(lines.length, 8);
    assert.equal(plain, 5, 'a, b, c, masked and d');
  });

  it('puts a frame together that came in pieces, and goes on by itself after one whose head did', () => {
    const payload = randomFillSync(Buffer.alloc(1500));
    const headBytes = 4;
    const large = bytesOf({ first: 0x82, payload, mask: undefined, lengthBytes: 2 });
    const small = bytesOf({ first: 0x82, payload: Buffer.from('x'), mask: undefined, lengthBytes: 0 });
    for (let at = 1; at < 8; at += 1) {
      const chunks = [large.subarray(0, at), large.subarray(at), small];
      const { lines, plain } = byUs(chunks, false);
      assert.deepEqual(lines, byWs(chunks, false));
      assert.equal(plain, at < headBytes ? 1 : 2, `cut after ${at} bytes`);
    }
  });

  it('leaves a frame to ws that comes in very many pieces, or is no text after all', () => {
    const mask = Buffer.from([9, 8, 7, 6]);
    const frameOfText = (payload: Buffer): Buffer => bytesOf({ first: 0x81, payload, mask, lengthBytes: 2 });
    const inPieces = (frame: Buffer, of: number): Buffer[] =>
      Array.from({ length: Math.ceil(frame.length / of) }, (_, i) => frame.subarray(i * of, (i + 1) * of));
    const small = frameOfText(Buffer.alloc(200, 0x61));
    const split = Buffer.alloc(1999, 'ü');
    for (const [payload, of, expected] of [
      [Buffer.alloc(2000, 'ü'), 8, 2],
      [Buffer.alloc(2000, 'ü'), 1, 1],
      [split, 8, 0],
    ] as const) {
      const [head, ...rest] = inPieces(frameOfText(payload), of);
      const chunks = of === 1 ? [Buffer.concat([head as Buffer, ...rest.splice(0, 9)]), ...rest] : [head, ...rest];
      const { lines, plain } = byUs([...(chunks as Buffer[]), small], true);
      assert.deepEqual(lines, byWs([...(chunks as Buffer[]), small], true));
      assert.equal(plain, expected);
    }
  });

  it('puts texts together in memory that was used before, and bytes, which are kept, in memory of their own', () => {
    const spare = new SpareBuffer();
    const kept: Buffer[] = [];
    const received = (data: Buffer, binary: boolean): boolean => {
      if (binary) kept.push(data);
      return !binary;
    };
    const rules = { masked: false, maxBytes: MAX_BYTES };
    const frames = new PlainFrames({ rules, sink: { received }, spare, ws: receiverOf(false) });
    const say = (first: number, fill: string): void => {
      const bytes = bytesOf({ first, payload: Buffer.alloc(1000, fill), mask: undefined, lengthBytes: 2 });
      for (const piece of [bytes.subarray(0, 500), bytes.subarray(500)]) frames.write(piece);
    };
    say(0x81, 'a');
    const before = spare.take(1);
    spare.giveBack(before);
    say(0x81, 'b');
    const after = spare.take(1);
    assert.equal(after, before);
    spare.giveBack(after);
    say(0x82, 'c');
    say(0x82, 'd');
    assert.equal(spare.take(1), before);
    assert.deepEqual(kept.map(String), ['c'.repeat(1000), 'd'.repeat(1000)]);
  });

  it('is what two nodes read with: ws sees none of their messages', async () => {
    await using nodes = new Nodes();
    const leader = await nodes.leader();
    const member = await nodes.member('worker-1', leader);
    const prototype = (Receiver as unknown as { prototype: unknown }).prototype as {
      dataMessage: (...parts: unknown[]) => unknown;
    };
    const { dataMessage } = prototype;
    let seen = 0;
    prototype.dataMessage = function (this: unknown, ...parts: unknown[]) {
      seen += 1;
      return dataMessage.apply(this, parts);
    };
    try {
      for (let i = 0; i < 100; i += 1) {
        member.send({ payload: 'ü'.repeat(i) });
        leader.send({ to: 'worker-1', payload: i });
        await until(() => member.received.length === i + 1 && leader.received.length === i + 1, `message ${i}`);
      }
      assert.equal(seen, 0);
      member.send({ payload: 'x'.repeat(200_000) });
      await until(() => leader.received.length === 101, 'a frame for which no chunk is large enough');
      assert.equal(seen, 0);
    } finally {
      prototype.dataMessage = dataMessage;
    }
  });
});
