import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_DECODE_LIMITS as LIMITS } from '../../src/message/codec.js';
import { jsonCodec } from '../../src/message/json-codec.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { message, sample } from './arbitraries.js';

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('the text is the documented one: fields in order, payload last, absent ones left out', () => {
  const body = { size: 7, resumable: true };
  const all = sample({ re: 'r-1', priority: 'high', component: 'jobs', body, payload: { a: [1, 'x'] } });
  assert.equal(
    jsonCodec.encode(all).data,
    '{"v":1,"id":"k3j2h1g0f9d8-17","kind":"request","type":"image.resize","from":"leader","to":"worker-17",' +
      '"ts":1763600000123,"re":"r-1","ttl":5000,"priority":"high","component":"jobs",' +
      '"body":{"size":7,"resumable":true},"payload":{"a":[1,"x"]}}',
  );
  assert.equal(
    jsonCodec
      .encode(sample({ payload: new Uint8Array([1, 2, 3]) }))
      .data.toString()
      .slice(-26),
    '"payload":{"$b64":"AQID"}}',
  );
});

test('fields that break a rule are still written as JSON', () => {
  const bad = sample({
    id: 'a"b',
    type: 'é',
    from: 'a\nb',
    to: '"',
    ts: 1.5,
    re: '\\',
    kind: '"',
    priority: '"',
    component: '"',
  });
  assert.deepEqual(JSON.parse(jsonCodec.encode(bad).data as string), plain(bad));
});

test('one message is its own frame, several are a list', () => {
  const [a, b] = [jsonCodec.encode(sample({ id: 'a' })), jsonCodec.encode(sample({ id: 'b' }))];
  assert.equal(jsonCodec.join([a]), a.data);
  assert.equal(jsonCodec.join([a, b]), `[${a.data},${b.data}]`);
});

test('however a message is spaced and ordered, it is read the same', () => {
  fc.assert(
    fc.property(message, fc.constantFrom(' ', '\r\n\t'), fc.boolean(), (any, space, reversed) => {
      const wire = JSON.parse(jsonCodec.encode(any).data as string);
      const other = reversed ? Object.fromEntries(Object.entries(wire).reverse()) : wire;
      for (const lazy of [false, true]) {
        for (const frame of [JSON.stringify(other, null, space), ` ${JSON.stringify([other], null, space)}\n`]) {
          const { messages } = jsonCodec.decode(frame, LIMITS, { lazy });
          assert.deepEqual(
            messages.map((one) => ({ ...one, payload: payloadOf(one) })),
            [any],
          );
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('the short way and the long way agree on every field, right or wrong', () => {
  const value = fc.oneof(
    fc.string({ maxLength: 4 }),
    fc.constantFrom(
      'a',
      'A',
      '*',
      '?',
      'a.b',
      '-a',
      'request',
      'response',
      'low',
      'x'.repeat(63),
      'x'.repeat(64),
      'x'.repeat(65),
      'x'.repeat(128),
      'x'.repeat(129),
      'é',
    ),
    fc.constantFrom(0, 1, -1, 1.5, 1e3, 8.64e15, 8.64e15 + 1, 2 ** 53, 1e21, 604_800_000, 604_800_001, null, true),
  );
  const field = fc.constantFrom(
    'v',
    'id',
    'kind',
    'type',
    'from',
    'to',
    'ts',
    're',
    'ttl',
    'priority',
    'component',
    'body',
  );
  fc.assert(
    fc.property(message, field, value, (any, name, put) => {
      const text = JSON.stringify({ ...any, [name]: put });
      const short = jsonCodec.decode(text, LIMITS);
      const long = jsonCodec.decode(`${text.slice(0, 1)} ${text.slice(1)}`, LIMITS);
      assert.deepEqual(short, long);
      assert.equal(short.messages.length + short.invalid.length, 1);
    }),
    { numRuns: 2000 },
  );
});

test('numbers are read as JSON reads them', () => {
  const start = '{"v":1,"id":"a","kind":"event","type":"t","from":"n","ts":';
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['-0', 0],
    ['00', undefined],
    ['1763600000123', 1763600000123],
    ['1e3', 1000],
    ['10.0', 10],
    ['8640000000000000', 8.64e15],
    ['8640000000000001', undefined],
    ['99999999999999999999', undefined],
    ['-1', undefined],
    ['', undefined],
  ];
  for (const [digits, ts] of cases) {
    let messages: readonly { ts: number }[] = [];
    try {
      messages = jsonCodec.decode(`${start}${digits}}`, LIMITS).messages;
    } catch {
      messages = [];
    }
    assert.deepEqual(
      messages.map((any) => any.ts + 0),
      ts === undefined ? [] : [ts],
      digits,
    );
  }
});

test('bytes, a text and a frame in the middle of a buffer are read alike', () => {
  const text = jsonCodec.join([
    jsonCodec.encode(sample({ payload: 'é😀' })),
    jsonCodec.encode(sample({ payload: 1 })),
  ]) as string;
  const expected = jsonCodec.decode(text, LIMITS);
  const bytes = new TextEncoder().encode(`xxx${text}yyy`).subarray(3, -3);
  assert.deepEqual(jsonCodec.decode(bytes, LIMITS), expected);
  assert.deepEqual(jsonCodec.decode(Buffer.from(text), LIMITS), expected);
  assert.equal(expected.messages[0]?.payload, 'é😀');
});

test('a large frame is read like a small one, and its parts are copies', () => {
  const many = Array.from({ length: 500 }, (_, i) =>
    sample({ id: `a-${i}`, payload: { i, text: 'é'.repeat(i % 3) + 'x'.repeat(200) } }),
  );
  const frame = jsonCodec.join(many.map((any) => jsonCodec.encode(any)));
  assert.ok(frame.length > 64 * 1024);
  for (const lazy of [false, true]) {
    const { messages } = jsonCodec.decode(frame, LIMITS, { lazy });
    assert.deepEqual(
      messages.map((any) => ({ ...any, payload: payloadOf(any) })),
      many,
    );
  }
});

test('bytes that are not UTF-8 are refused', () => {
  for (const broken of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf5, 0x80, 0x80, 0x80]]) {
    const head = Buffer.from(`${(jsonCodec.encode(sample()).data as string).slice(0, -1)},"payload":"`);
    for (const [before, after] of [
      [head, '"}'],
      [Buffer.from('{"x":"'), '"}'],
    ] as const) {
      const frame = Buffer.concat([before, Buffer.from(broken), Buffer.from(after)]);
      for (const lazy of [false, true]) {
        assert.throws(() => jsonCodec.decode(frame, LIMITS, { lazy }), {
          code: 'DESERIALIZATION',
          message: /^not UTF-8/,
        });
      }
    }
  }
});

test('a frame that is not JSON, or more than JSON, is refused with its position', () => {
  const good = jsonCodec.encode(sample()).data as string;
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /expected a message or a list of messages at byte 0, found the end/],
    ['7', /expected a message or a list of messages at byte 0/],
    [`${good}x`, /expected the end of the frame at byte \d+, found 'x'/],
    [`[${good},]`, /expected a value at byte/],
    [`[${good} ${good}]`, /expected ',' or ']'/],
    [`[${good}`, /found the end/],
    [good.slice(0, -1), /found the end/],
    ['[[]]]', /expected the end of the frame at byte 4/],
  ];
  for (const [text, expected] of cases) {
    assert.throws(() => jsonCodec.decode(text, LIMITS), { code: 'DESERIALIZATION', message: expected }, text);
  }
});

test('bytes that are not base64 cost the message, whether it is read here or handed on', () => {
  const texts = ['"A"', '"AQI"', '"A?ID"', '5', '{"a":1}', 'null', '"=AQI"'];
  for (const text of texts) {
    const head = (jsonCodec.encode(sample()).data as string).slice(0, -1);
    const frame = `[${head},"payload":{"$b64":${text}}},${head},"payload":1}]`;
    for (const lazy of [false, true]) {
      const { messages, invalid } = jsonCodec.decode(frame, LIMITS, { lazy });
      assert.equal(messages.length, 1);
      assert.match(invalid[0]?.error.message ?? '', /^payload: the \$b64 value .* is not padded base64$/);
      assert.equal(invalid[0]?.id, sample().id);
    }
  }
});

test('a key of bytes is known however it is written', () => {
  const head = (jsonCodec.encode(sample()).data as string).slice(0, -1);
  for (const key of ['$b64', '\\u0024b64', '$b6\\u0034', '$\\u00624'.replace('4', '64')]) {
    const { messages } = jsonCodec.decode(`${head},"payload":[{"${key}":"AQID"}]}`, LIMITS);
    assert.deepEqual(messages[0]?.payload, [new Uint8Array([1, 2, 3])], key);
  }
});

test('of keys that are written twice the last one counts', () => {
  const text = '{"v":1,"id":"a","kind":"event","type":"t","from":"n","ts":1,"payload":1,"from":"m","payload":2}';
  for (const lazy of [false, true]) {
    const [any] = jsonCodec.decode(text, LIMITS, { lazy }).messages;
    assert.equal(any?.from, 'm');
    assert.equal(payloadOf(any ?? {}), 2);
  }
});

test('messages of a frame that go the same way, or nearly, are not taken for one another', () => {
  const near = fc.record({
    kind: fc.constantFrom('event', 'request', 'heartbeat'),
    type: fc.constantFrom('a', 'ab', 'b'),
    from: fc.constantFrom('n1', 'n2', 'n'),
    to: fc.constantFrom('n1', '*', '?', undefined),
    ts: fc.nat(2),
    payload: fc.constantFrom(undefined, 0),
  });
  fc.assert(
    fc.property(fc.array(near, { minLength: 2, maxLength: 8 }), (many) => {
      const messages = many.map((fields, i) => sample({ ...fields, id: `x-${i}` }));
      const frame = jsonCodec.join(messages.map((any) => jsonCodec.encode(any)));
      assert.deepEqual(jsonCodec.decode(frame, LIMITS).messages, messages);
    }),
    { numRuns: 500 },
  );
});

test('any number of names is kept apart', () => {
  const messages = Array.from({ length: 3000 }, (_, i) =>
    sample({ from: `node-${i}`, to: `n${i}`, type: `T${i * 7}` }),
  );
  const frame = jsonCodec.join(messages.map((any) => jsonCodec.encode(any)));
  assert.deepEqual(jsonCodec.decode(frame, LIMITS).messages, messages);
});

/** What becomes of a frame: its payload, or why it is refused. */
function fateOf(frame: Buffer, lazy: boolean): unknown {
  try {
    const { messages, invalid } = jsonCodec.decode(frame, LIMITS, { lazy });
    return invalid[0] ? String(invalid[0].error) : messages.map(payloadOf);
  } catch (error) {
    return String(error);
  }
}

/** Enough of it that the whole is parsed before it is looked through. */
const FILLER = JSON.stringify(Array.from({ length: 60 }, (_, i) => ({ i, name: `row ${i}` })));

test('a payload that is parsed at once is read, or refused, as one that is scanned first', () => {
  const piece = fc.constantFrom(...'{}[]":,01-.e ', '\\', '\\u0041', 'é', '\u0007', '"$b64"', '"$$b64":', 'null', '  ');
  const change = fc.record({ at: fc.nat(), remove: fc.nat({ max: 2 }), insert: piece });
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.array(change, { maxLength: 3 }), (value, changes) => {
      let text = `[${FILLER},${JSON.stringify(value)}]`;
      for (const { at, remove, insert } of changes) {
        const place = at % (text.length + 1);
        text = text.slice(0, place) + insert + text.slice(place + remove);
      }
      const frame = Buffer.from(String(jsonCodec.encode(sample({ payload: 0 })).data).replace(/0}$/, `${text}}`));
      assert.deepEqual(fateOf(frame, false), fateOf(frame, true));
    }),
    { numRuns: 3000 },
  );
});

test('a payload that is parsed at once may be as deep as any, and no deeper', () => {
  const { maxDepth } = LIMITS;
  const fillerDepth = 2;
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    for (const depth of [maxDepth, maxDepth + 1]) {
      const around = depth - fillerDepth;
      const text = open.repeat(around) + FILLER + close.repeat(around);
      const frame = Buffer.from(String(jsonCodec.encode(sample({ payload: 0 })).data).replace(/0}$/, `${text}}`));
      const fate = fateOf(frame, false);
      assert.deepEqual(fate, fateOf(frame, true));
      if (depth === maxDepth) assert.deepEqual(fate, [JSON.parse(text)]);
      else assert.match(String(fate), new RegExp(`more than ${maxDepth}`));
    }
  }
});
