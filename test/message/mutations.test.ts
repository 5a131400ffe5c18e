import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isNetworkError } from '../../src/base/errors.js';
import { type Codec, DEFAULT_DECODE_LIMITS as LIMITS } from '../../src/message/codec.js';
import { guardEnvelope, guardPayload } from '../../src/message/guard.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { CODECS, message } from './arbitraries.js';

const edit = fc.oneof(
  fc.record({ at: fc.nat(), cut: fc.constant(1), put: fc.uint8Array({ minLength: 1, maxLength: 1 }) }),
  fc.record({ at: fc.nat(), cut: fc.nat(20), put: fc.uint8Array({ maxLength: 6 }) }),
  fc.record({ at: fc.nat(), cut: fc.constant(1_000_000), put: fc.constant(new Uint8Array(0)) }),
  fc.record({
    at: fc.nat(),
    cut: fc.nat(2),
    put: fc
      .constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', '$b64', '\x91', '\xdd', '\xff')
      .map((text) => Uint8Array.from(Buffer.from(text, 'latin1'))),
  }),
);

const mutated = (codec: Codec): fc.Arbitrary<Buffer> =>
  fc
    .tuple(fc.array(message, { minLength: 1, maxLength: 3 }), fc.array(edit, { minLength: 1, maxLength: 3 }))
    .map(([messages, edits]) => {
      const frame = codec.join(messages.map((any) => codec.encode(any)));
      return edits.reduce(
        (bytes, { at, cut, put }) => {
          const i = at % (bytes.length + 1);
          return Buffer.concat([bytes.subarray(0, i), put, bytes.subarray(i + cut)]);
        },
        Buffer.from(frame as string),
      );
    });

/** Decodes a hostile frame and checks everything that its victims rely on. */
function endure(codec: Codec, frame: Uint8Array, lazy: boolean): void {
  let decoded: ReturnType<Codec['decode']>;
  try {
    decoded = codec.decode(frame, LIMITS, { lazy });
  } catch (error) {
    assert.ok(isNetworkError(error), String(error));
    assert.match(error.code, /^(DESERIALIZATION|TOO_LARGE)$/);
    return;
  }
  for (const { error } of decoded.invalid) assert.match(error.code, /^(INVALID_MESSAGE|VERSION_MISMATCH)$/);
  assert.ok(decoded.messages.length + decoded.invalid.length > 0);
  for (const any of decoded.messages) {
    assert.equal(guardEnvelope(any), undefined);
    assert.equal(guardPayload(any.kind, any.payload), undefined);
    // Whoever gets this relayed must be able to read the frame, even if the payload itself is no value.
    const relayed = codec.decode(codec.join([codec.encode(any)]), LIMITS, { lazy: true });
    assert.equal(relayed.messages.length, 1);
    try {
      payloadOf(any);
    } catch (error) {
      assert.ok(lazy && isNetworkError(error) && error.code === 'DESERIALIZATION', String(error));
    }
  }
}

for (const codec of CODECS) {
  test(`${codec.name}: a mutated frame is read or refused, never more`, () => {
    fc.assert(
      fc.property(mutated(codec), fc.boolean(), (frame, lazy) => endure(codec, frame, lazy)),
      { numRuns: codec.plain === codec ? 5000 : 1500 },
    );
  });

  test(`${codec.name}: bytes from nowhere are read or refused, never more`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (frame, lazy) => endure(codec, frame, lazy)),
      { numRuns: codec.plain === codec ? 5000 : 1500 },
    );
  });

  test(`${codec.name}: a frame cut anywhere is refused`, () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 2 }), (messages) => {
        const whole = Buffer.from(codec.join(messages.map((any) => codec.encode(any))) as string);
        for (let end = 0; end < whole.length; end += 1 + Math.floor(whole.length / 200)) {
          assert.throws(() => codec.decode(whole.subarray(0, end), LIMITS), {
            name: 'NetworkError',
            code: 'DESERIALIZATION',
          });
        }
      }),
      { numRuns: 50 },
    );
  });
}
