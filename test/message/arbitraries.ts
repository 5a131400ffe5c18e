import fc from 'fast-check';
import { jsonCodec, jsonDeflateCodec } from '../../src/message/json-codec.js';
import {
  type BodyAnnouncement,
  MESSAGE_KINDS,
  type NetworkMessage,
  PRIORITIES,
  PROTOCOL_VERSION,
} from '../../src/message/message.js';
import { msgpackCodec, msgpackDeflateCodec } from '../../src/message/msgpack-codec.js';

export const CODECS = [jsonCodec, msgpackCodec, jsonDeflateCodec, msgpackDeflateCodec] as const;

const LOWER = 'abcdefghijklmnopqrstuvwxyz0123456789';
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

const characters = (alphabet: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength });

const nodeName = fc
  .tuple(characters(LOWER, 1, 1), characters(`${LOWER}._-`, 0, 62))
  .map(([first, rest]) => `${first}${rest}`);
const typeName = fc
  .tuple(characters(`${LOWER.slice(0, 26)}${UPPER}`, 1, 1), characters(`${LOWER}${UPPER}._:-`, 0, 127))
  .map(([first, rest]) => `${first}${rest}`);
const messageId = characters(`${LOWER}${UPPER}._:-`, 1, 64);

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ minLength: 200, maxLength: 400 }),
  // Worth compressing.
  fc
    .tuple(fc.string({ minLength: 3, maxLength: 9 }), fc.integer({ min: 300, max: 600 }))
    .map(([part, n]) => part.repeat(n)),
  fc.constantFrom('$b64', 'b64"', '\\', '"', 'payload', '\u2028', '😀'),
);
/**
 * V8 14, and some before it, read the key `"\""` as `\`, and others that begin with an escape too, once they have read an
 * object in which `\` is a key in that place (https://github.com/nodejs/node/issues/63785). Nobody who calls JSON.parse can
 * do anything about it: where it is so, no key has a backslash.
 */
const misreadsKeys =
  JSON.parse('{"first":[],"\\\\":0}') && Object.keys(JSON.parse('{"first":0,"\\"":0}') as object)[1] !== '"';
const key = fc.oneof(
  { weight: 8, arbitrary: text.filter((name) => !(misreadsKeys && name.includes('\\'))) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'toJSON', 'hasOwnProperty'),
  },
  { weight: 1, arbitrary: fc.constantFrom('$b64', '$$b64', '$$$b64', 'b64', '$b6') },
);
/** JSON has no negative zero. */
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  fc.maxSafeInteger(),
  fc.integer({ min: -40_000, max: 70_000 }),
);
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Uint8Array.from(array));

/** An object that really has these keys, `__proto__` among them. */
export function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const object = {};
  for (const [name, value] of entries) {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  }
  return object;
}

/** Whatever a payload may be, undefined apart. */
export const payload: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'medium' },
    fc.constantFrom(null, true, false),
    number.map((value) => (value === 0 ? 0 : value)),
    text,
    bytes,
    fc.array(tie('value'), { maxLength: 6 }),
    fc.uniqueArray(fc.tuple(key, tie('value')), { maxLength: 6, selector: ([name]) => name }).map(objectOf),
    fc.tuple(fc.constantFrom('$b64', '$$b64'), tie('value')).map((entry) => objectOf([entry])),
  ),
})).value;

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

/** As a decoder gives it, with all of its fields. */
const announcement: fc.Arbitrary<BodyAnnouncement> = fc
  .tuple(optional(fc.maxSafeNat()), optional(fc.boolean()), optional(fc.integer({ min: 1, max: 1_000_000 })))
  .map(([size, resumable, attempt]) => ({ size, resumable, attempt }));

/** Messages that follow every rule; those that netmgr reads itself have harmless payloads. */
export const message: fc.Arbitrary<NetworkMessage> = fc
  .record({
    v: fc.constant(PROTOCOL_VERSION),
    id: messageId,
    kind: fc.constantFrom(...MESSAGE_KINDS),
    type: typeName,
    from: nodeName,
    to: optional(fc.oneof(nodeName, fc.constantFrom('*', '?'))),
    ts: fc.integer({ min: 0, max: 8.64e15 }),
    re: messageId,
    ttl: optional(fc.integer({ min: 1, max: 604_800_000 })),
    priority: optional(fc.constantFrom(...PRIORITIES)),
    component: optional(typeName),
    body: optional(announcement),
    payload: optional(payload),
    noRe: fc.boolean(),
  })
  .map(({ noRe, ...fields }) => {
    const { kind } = fields;
    const isAnswer = kind === 'response' || kind === 'error';
    const isOurs = kind === 'control' || kind === 'heartbeat';
    return {
      ...fields,
      re: noRe && !isAnswer ? undefined : fields.re,
      body: kind === 'request' || kind === 'event' ? fields.body : undefined,
      payload: isOurs ? { seq: 1, list: ['x', null] } : fields.payload,
    };
  });

/** A message to start from in tables. */
export const sample = (fields: Partial<Record<keyof NetworkMessage, unknown>> = {}): NetworkMessage =>
  ({
    v: PROTOCOL_VERSION,
    id: 'k3j2h1g0f9d8-17',
    kind: 'request',
    type: 'image.resize',
    from: 'leader',
    to: 'worker-17',
    ts: 1_763_600_000_123,
    re: undefined,
    ttl: 5000,
    priority: undefined,
    component: undefined,
    body: undefined,
    payload: undefined,
    ...fields,
  }) as NetworkMessage;
