import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { guardEnvelope, guardPayload } from '../../src/message/guard.js';
import { message, objectOf, sample } from './arbitraries.js';

const LONG = 'x'.repeat(1_000_000);

test('every message that follows the rules passes', () => {
  fc.assert(
    fc.property(message, (any) => assert.equal(guardEnvelope(any) ?? guardPayload(any.kind, any.payload), undefined)),
  );
});

const GOOD: readonly object[] = [
  { id: 'x'.repeat(64) },
  { type: `A${'.'.repeat(127)}` },
  { from: `0${'-'.repeat(62)}` },
  { to: '*' },
  { to: '?' },
  { to: undefined },
  { ts: 0 },
  { ts: 8.64e15 },
  { ttl: 1 },
  { ttl: 604_800_000 },
  { kind: 'response', re: 'a:b.c_d-1' },
  { somethingNew: { nested: true } },
];

test('the bounds themselves and unknown fields pass', () => {
  for (const fields of GOOD) assert.equal(guardEnvelope({ ...sample(), ...fields }), undefined, JSON.stringify(fields));
});

/** Fields that break a rule, and what the error must say. */
const BAD: readonly (readonly [object, RegExp])[] = [
  [{ id: undefined }, /^id: missing; it must be a message id \(1 to 64/],
  [{ id: '' }, /^id: '' is not a message id/],
  [{ id: 'x'.repeat(65) }, /^id: 'x+' is not/],
  [{ id: 7 }, /^id: 7 is not/],
  [{ id: 'a\n' }, /^id: 'a\\n' is not/],
  [{ kind: 'question' }, /^kind: 'question' is not one of event, request/],
  [{ kind: 'toString' }, /^kind: 'toString'/],
  [{ type: '9lives' }, /^type: '9lives' is not a type name \(1 to 128/],
  [{ type: 'a\x1b[31m' }, /^type: 'a\\x1b\[31m' is not/],
  [{ from: 'A B' }, /^from: 'A B' is not a node name \(1 to 63/],
  [{ from: LONG }, /^from: 'x{79}…' is not a node name/],
  [{ from: 'a/../b' }, /^from: /],
  [{ from: '*' }, /^from: '\*' is not/],
  [{ from: null }, /^from: null is not/],
  [{ from: ['a'] }, /^from: a list is not/],
  [{ to: '' }, /^to: '' is not .* '\*' or '\?'$/],
  [{ to: '**' }, /^to: '\*\*'/],
  [{ to: null }, /^to: null/],
  [{ ts: -1 }, /^ts: -1 is not an integer of milliseconds from 0 to 8640000000000000$/],
  [{ ts: 1.5 }, /^ts: 1\.5/],
  [{ ts: 8.64e15 + 1 }, /^ts: 8640000000000001/],
  [{ ts: '1763600000123' }, /^ts: '1763600000123'/],
  [{ ts: undefined }, /^ts: missing/],
  [{ re: {} }, /^re: an object is not a message id/],
  [{ kind: 'response' }, /^re: missing; a response must name the request/],
  [{ kind: 'error' }, /^re: missing; an error must/],
  [{ ttl: 0 }, /^ttl: 0 is not an integer of milliseconds from 1 to 604800000$/],
  [{ ttl: 604_800_001 }, /^ttl: 604800001/],
  [{ priority: 'urgent' }, /^priority: 'urgent' is not one of critical, high, normal, low$/],
  [{ component: '' }, /^component: '' is not a type name/],
  [{ body: null }, /^body: null is not an object$/],
  [{ body: [] }, /^body: a list is not/],
  [{ body: { size: -1 } }, /^body.size: -1 is not a whole number of bytes/],
  [{ body: { size: 2 ** 53 } }, /^body.size: 9007199254740992 is not/],
  [{ body: { resumable: 'yes' } }, /^body.resumable: 'yes' is not true or false/],
  [{ body: { attempt: 0 } }, /^body.attempt: 0 is not a whole number of at least 1/],
  [{ kind: 'response', re: 'r', body: {} }, /^body: only a request or an event may carry one/],
  [{ kind: 'control', body: {} }, /^body: only a request or an event/],
];

test('a broken rule is named with its field, its value and the rule', () => {
  for (const [fields, expected] of BAD) {
    const error = guardEnvelope({ ...sample(), ...fields });
    assert.equal(error?.code, 'INVALID_MESSAGE');
    assert.match(error.message, expected);
    assert.ok(error.message.length < 300);
  }
});

test('what is no object at all is refused', () => {
  for (const value of [undefined, null, 0, 'text', true, [], [sample()]]) {
    assert.match(guardEnvelope(value)?.message ?? '', /^message: /);
  }
});

test('another protocol version is told apart, and both are named', () => {
  for (const [v, shown] of [
    [2, '2'],
    ['1', "'1'"],
    [0, '0'],
  ] as const) {
    const error = guardEnvelope({ ...sample(), v });
    assert.equal(error?.code, 'VERSION_MISMATCH');
    assert.equal(error.message, `v: a message of protocol version ${shown}, where version 1 is spoken`);
  }
  assert.equal(guardEnvelope({ ...sample(), v: undefined })?.code, 'INVALID_MESSAGE');
});

test('keys that reach a prototype are refused in what netmgr reads itself, wherever they are', () => {
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    for (const payload of [objectOf([[key, 1]]), { list: [0, { deep: objectOf([[key, {}]]) }] }]) {
      for (const kind of ['control', 'heartbeat']) {
        const error = guardPayload(kind, payload);
        assert.equal(error?.code, 'INVALID_MESSAGE');
        assert.ok(error.message.includes(`.${key}: a ${kind} message may not hold`), error.message);
      }
      for (const kind of ['event', 'request', 'response', 'error'])
        assert.equal(guardPayload(kind, payload), undefined);
    }
  }
  assert.equal(guardPayload('control', { constructors: 1, proto: new Uint8Array(3) }), undefined);
});
