import type { MessageDraft, NetworkMessage, Priority } from '../../../message/message.js';
import { payloadOf } from '../../../message/raw-payload.js';
import { demand, demandEqual } from '../assertions.js';
import type { Demand } from '../demand.js';
import { TEST } from '../station.js';

const everyByte = (): Uint8Array => Uint8Array.from({ length: 256 }, (_, index) => index);

/** A value in so many objects and lists. */
function nested(depth: number): unknown {
  let value: unknown = 'the bottom';
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { inner: value };
  return value;
}

/** An object that really has this key, whatever it is called. */
const withKey = (key: string, value: unknown): object =>
  Object.defineProperty({}, key, { value, writable: true, enumerable: true, configurable: true });

/** What a payload may be. */
const VALUES: Readonly<Record<string, unknown>> = {
  null: null,
  true: true,
  false: false,
  zero: 0,
  'the largest safe integer': Number.MAX_SAFE_INTEGER,
  'the smallest safe integer': Number.MIN_SAFE_INTEGER,
  'integers at the edges of their sizes': [
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2 ** 31,
    2 ** 32,
    -1,
    -32,
    -33,
    -129,
    -32_769,
  ],
  'a large number': 1.797_693_134_862_315_7e308,
  'a tiny number': 5e-324,
  'a fraction': 0.1,
  'an empty text': '',
  'text of many writings': 'naïve – 日本語 – Ελλάδα – עברית – 👩‍👩‍👧‍👦 – 𝄞',
  'text with control characters': '\u0000\u0001\t\r\n\u001f\u007f\u2028\u2029\ufeff\\"/',
  'a long text': 'äöü😀'.repeat(5000),
  'an empty list': [],
  'an empty object': {},
  'a list of lists': [[], [[]], [null, [null]]],
  'an object with strange keys': { '': 1, ' ': 2, 'a.b': 3, '😀': 4, payload: 5, re: 6, toString: 7, length: 8 },
  'a key that is no prototype': withKey('__proto__', { polluted: true }),
  'an object that looks like bytes': { $b64: 'AQL/' },
  'an object that looks like one': { $$b64: 'AQL/', $b64: 1 },
  'every byte': everyByte(),
  'no bytes': new Uint8Array(0),
  'bytes deep inside': { list: [{ bytes: everyByte() }, Uint8Array.of(0)], text: 'beside' },
  'bytes of a larger buffer': everyByte().subarray(100, 200),
  'many bytes': Uint8Array.from({ length: 70_000 }, (_, index) => (index * 31) % 251),
  'sixty levels': nested(60),
  'many keys': Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`key ${index}`, index])),
};

/** Bytes may arrive as any kind of Uint8Array. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const copy = {};
  for (const key of Object.keys(value)) {
    const inner = plain((value as Record<string, unknown>)[key]);
    Object.defineProperty(copy, key, { value: inner, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}

const PRIORITIES: readonly Priority[] = ['critical', 'high', 'normal', 'low'];

export const PAYLOADS: readonly Demand[] = [
  {
    name: 'payloads: every value arrives as it was, in an event',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      for (const [what, value] of Object.entries(VALUES)) {
        const before = [a.received.length, b.received.length] as const;
        b.tell('a', value);
        a.tell('b', value);
        await stage.until(() => a.received.length > before[0] && b.received.length > before[1], `${what} arrives`);
        for (const station of [a, b]) {
          demandEqual(plain(station.payloads().at(-1)), plain(value), `${what} arrives as it was`);
        }
      }
    },
  },
  {
    name: 'payloads: every value comes back as it was, in an answer',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      a.handle((_, { payload }) => payload);
      for (const [what, value] of Object.entries(VALUES)) {
        const answer = await stage.settle(b.request({ type: 'echo', to: 'a', payload: value }), `an echo of ${what}`);
        demandEqual(plain(answer), plain(value), `${what} comes back as it was`);
      }
    },
  },
  {
    name: 'payloads: none is not the same as null',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      b.tell('a', undefined);
      b.tell('a', null);
      await stage.until(() => a.received.length === 2, 'both arrive');
      demandEqual(a.payloads(), [undefined, null], 'no payload stays none, and null stays null');
    },
  },
  {
    name: 'payloads: the fields of the envelope arrive as they were',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const drafts: Partial<MessageDraft>[] = [
        { kind: 'event', type: 'A', component: 'bulk.copy-2:x_1', id: 'x'.repeat(64) },
        { kind: 'event', type: `a${'.Z_9:-'.repeat(21)}`, ttl: 1 },
        { kind: 'event', ttl: 604_800_000, re: 'another-1' },
        { kind: 'heartbeat', type: 'beat', payload: { busy: 1 } },
        { kind: 'control', type: 'something', payload: { key: [1] } },
        { kind: 'request', type: 'ask', ttl: 1000 },
        { kind: 'response', type: 'ask', re: 'id-1', payload: 1 },
        { kind: 'error', type: 'ask', re: 'id-2', payload: { code: 'IO', message: 'no' } },
        { kind: 'event', body: { size: 10, resumable: true, attempt: 2 } },
        ...PRIORITIES.map((priority) => ({ kind: 'event', priority }) as const),
      ];
      // An Endpoint takes answers for itself, and what has a body.
      const taken = ({ kind, body }: Partial<MessageDraft>) => kind === 'response' || kind === 'error' || body;
      const visible = drafts.filter((draft) => !stage.layers.wrapped || !taken(draft));
      for (const draft of visible) {
        const message = b.make({ type: TEST, to: 'a', ...draft });
        const count = a.received.length;
        b.network.send(message);
        await stage.until(() => a.received.length > count, `a message arrives: ${JSON.stringify(message)}`);
        demandEqual(fields(a.received.at(-1)), fields(message), 'the envelope arrives as it was');
      }
    },
  },
  {
    name: 'payloads: what cannot be written is refused by the call, and harms nothing',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const circle: unknown[] = [];
      circle.push(circle);
      const values = {
        'a circle': circle,
        'a bigint': 1n,
        'a function': () => 1,
        'a symbol': Symbol('x'),
        'a hundred levels': nested(100),
      };
      for (const [what, value] of Object.entries(values)) {
        for (const call of [() => b.tell('a', value), () => b.network.sendMany(b.make({ payload: value }), ['a'])]) {
          demandEqual(thrownBy(call), 'SERIALIZATION', `sending ${what} throws SERIALIZATION`);
        }
      }
      b.tell('a', 'after');
      await stage.until(() => a.received.length > 0, 'the next message arrives');
      demandEqual(a.payloads(), ['after'], 'nothing of what could not be written is sent');
      demand(b.seen('disconnected').length === 0, 'the connection stays', b.story());
    },
  },
  {
    name: 'payloads: what a sender changes after send does not change what is sent',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const payload = { count: 1, bytes: Uint8Array.of(1, 2, 3), list: [1] };
      b.tell('a', payload);
      payload.count = 2;
      payload.bytes.fill(9);
      payload.list.push(2);
      await stage.until(() => a.received.length > 0, 'it arrives');
      const expected = { count: 1, bytes: Uint8Array.of(1, 2, 3), list: [1] };
      demandEqual(plain(a.payloads()[0]), expected, 'a message is written inside send');
    },
  },
];

function fields(message: NetworkMessage | undefined): object {
  const { payload: _, ...envelope } = message ?? {};
  const present = Object.entries(envelope).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(present), payload: message && plain(payloadOf(message)) };
}

function thrownBy(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}
