import { Packr } from 'msgpackr';
import { chance, integer, pick, type Random } from '../../src/base/random.js';
import type { Codec } from '../../src/message/codec.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { DeflateMutator } from './deflate-mutator.js';
import { frameBuffer, validMessage } from './valid-message.js';

type Fields = Record<string, unknown>;

const packr = new Packr({ useRecords: false, largeBigIntToString: false, moreTypes: false });

/** Values that fit nowhere, or only just. */
const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  -0,
  2 ** 53,
  1e308,
  '',
  ' ',
  '*',
  '?',
  'leader',
  '\u0000',
  '\u001b[2J',
  '\u202eabc',
  '\ud800',
  'é'.repeat(70),
  'x'.repeat(65),
  'x'.repeat(5000),
  [],
  {},
  [[]],
  { $b64: 'A' },
  { $b64: 'AQID' },
  { $$b64: 7 },
  { length: 1e9 },
  Array(300).fill(0),
];
/** The same as JSON text, with what no value can be written as. */
const ODD_TOKENS: readonly string[] = [
  ...ODD.map((value) => JSON.stringify(value)),
  '1e999',
  '-',
  '01',
  '+1',
  '.5',
  '0x10',
  'NaN',
  'Infinity',
  'undefined',
  "'a'",
  '"\\x41"',
  '"\\ud800"',
  '"\\u0000"',
  '"',
  '99999999999999999999999999999999',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"a":1,"a":2}',
  '{"a"}',
  '[1,]',
  '[,]',
  '//',
  '\u2028',
  '\ufeff',
  '{}{}',
  ']',
  '}',
  ':',
  ',',
];
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[[\]{}:,]/g;
const DEPTHS: readonly number[] = [1, 2, 63, 64, 65, 66, 200, 3000];
/** MessagePack's own oddities: ext, bin, wide integers, lengths that lie, a type that does not exist. */
const ODD_BYTES: readonly (readonly number[])[] = [
  [0xc1],
  [0xc7, 0xff, 0x01],
  [0xd4, 0x00, 0x00],
  [0xd6, 0xff, 0, 0, 0, 0],
  [0xdd, 0xff, 0xff, 0xff, 0xff],
  [0xdf, 0x7f, 0xff, 0xff, 0xff],
  [0xdb, 0xff, 0xff, 0xff, 0xff],
  [0xc6, 0x00, 0x10, 0x00, 0x00],
  [0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0],
  [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
  [0xa1, 0xff],
  [0x80],
  [0x90],
  [0x91, 0x91, 0x91],
];

/** Frames that are nearly right, without end: the same seed gives the same ones. */
export class Mutator {
  readonly #random: Random;
  readonly #codec: Codec;
  /** Undefined where nothing is compressed. */
  readonly #deflate: DeflateMutator | undefined;
  readonly #self: string;

  constructor(random: Random, codec: Codec, self: string) {
    this.#random = random;
    this.#codec = codec;
    this.#deflate = codec.plain === codec ? undefined : new DeflateMutator(random.fork('deflate'), codec);
    this.#self = self;
  }

  next(): Buffer {
    if (chance(this.#random, 0.08)) return this.#batch();
    return this.#single();
  }

  #single(): Buffer {
    const message = validMessage(this.#random, this.#self);
    if (this.#deflate && chance(this.#random, 0.4)) return this.#compressed(this.#deflate, message);
    if (chance(this.#random, 0.1)) return this.#encode(message);
    if (chance(this.#random, 0.5)) return this.#write(this.#wrongField(fieldsOf(message)));
    let frame = this.#encode(message);
    const rounds = 1 + integer(this.#random, 3);
    for (let i = 0; i < rounds; i += 1) frame = this.#mutate(frame);
    return frame;
  }

  #compressed(deflate: DeflateMutator, message: NetworkMessage): Buffer {
    const fields = fieldsOf({ ...message, payload: undefined });
    const frame = this.#write({ ...fields, deflate: deflate.next(message, (bytes) => this.#mutate(bytes)) });
    return chance(this.#random, 0.9) ? frame : this.#mutate(frame);
  }

  /** A batch of everything: valid, broken, and sometimes thousands. */
  #batch(): Buffer {
    const count = chance(this.#random, 0.02) ? 4000 + integer(this.#random, 200) : integer(this.#random, 12);
    const shared = this.#single();
    const parts = Array.from({ length: count }, () => (count > 100 ? shared : this.#single()));
    if (!this.#codec.binary) return Buffer.from(`[${parts.map((part) => part.toString('utf8')).join()}]`);
    return Buffer.concat([Buffer.from([0xdc, count >> 8, count & 255]), ...parts]);
  }

  #mutate(frame: Buffer): Buffer {
    switch (integer(this.#random, 7)) {
      case 0:
        return this.#flip(frame);
      case 1:
        return frame.subarray(0, integer(this.#random, frame.length + 1));
      case 2:
        return this.#splice(frame, this.#slice(frame));
      case 3:
        return this.#deepen(frame);
      case 4:
        return this.#splice(
          frame,
          Buffer.from(Array.from({ length: 1 + integer(this.#random, 6) }, () => integer(this.#random, 256))),
        );
      default:
        return this.#codec.binary
          ? this.#splice(frame, Buffer.from(pick(this.#random, ODD_BYTES) ?? []))
          : this.#swapToken(frame);
    }
  }

  #flip(frame: Buffer): Buffer {
    const flipped = Buffer.from(frame);
    for (let i = 1 + integer(this.#random, 4); i > 0 && flipped.length > 0; i -= 1) {
      const at = integer(this.#random, flipped.length);
      flipped[at] = (flipped[at] as number) ^ (1 << integer(this.#random, 8));
    }
    return flipped;
  }

  #slice(frame: Buffer): Buffer {
    const start = integer(this.#random, frame.length);
    return frame.subarray(start, start + integer(this.#random, 60));
  }

  /** Puts bytes in the place of others. */
  #splice(frame: Buffer, bytes: Buffer): Buffer {
    const at = integer(this.#random, frame.length + 1);
    const after = at + integer(this.#random, 12);
    return Buffer.concat([frame.subarray(0, at), bytes, frame.subarray(after)]);
  }

  #swapToken(frame: Buffer): Buffer {
    const text = frame.toString('utf8');
    const tokens = [...text.matchAll(TOKEN)];
    const token = pick(this.#random, tokens);
    if (!token) return frame;
    const other = chance(this.#random, 0.4)
      ? (pick(this.#random, tokens)?.[0] ?? '')
      : (pick(this.#random, ODD_TOKENS) ?? '');
    return Buffer.from(text.slice(0, token.index) + other + text.slice(token.index + token[0].length));
  }

  #deepen(frame: Buffer): Buffer {
    const depth = pick(this.#random, DEPTHS) ?? 1;
    if (this.#codec.binary) return this.#splice(frame, Buffer.alloc(depth, 0x91));
    const open = chance(this.#random, 0.5) ? '[' : '{"a":';
    const close = open === '[' ? ']' : '}';
    const nested = `${open.repeat(depth)}0${close.repeat(depth)}`;
    const text = frame.toString('utf8');
    return Buffer.from(text.replace(/"payload":.*$/s, () => `"payload":${nested}}`));
  }

  #wrongField(message: Fields): Fields {
    for (let i = 1 + integer(this.#random, 2); i > 0; i -= 1) {
      const field = chance(this.#random, 0.5) ? 'payload' : (pick(this.#random, Object.keys(message)) ?? 'id');
      if (chance(this.#random, 0.2)) delete message[field];
      else if (field === 'payload') message[field] = this.#wrongPayload(message[field]);
      else message[field] = pick(this.#random, ODD);
    }
    return message;
  }

  #wrongPayload(payload: unknown): unknown {
    if (typeof payload !== 'object' || payload === null || chance(this.#random, 0.3)) return pick(this.#random, ODD);
    const fields: Fields = { ...payload };
    fields[pick(this.#random, Object.keys(fields)) ?? 'a'] = pick(this.#random, ODD);
    return fields;
  }

  #encode(message: NetworkMessage): Buffer {
    return frameBuffer(this.#codec.join([this.#codec.encode(message)]));
  }

  /** What the codec itself would refuse to write. */
  #write(fields: Fields): Buffer {
    return this.#codec.binary ? Buffer.from(packr.pack(fields)) : Buffer.from(JSON.stringify(fields));
  }
}

/** Without those that are left out. */
const fieldsOf = (message: NetworkMessage): Fields =>
  Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined));
