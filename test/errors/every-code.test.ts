import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { ERROR_CODES, type ErrorCode, fromWire, NetworkError, workOf } from '../../src/base/errors.js';
import { EXPLANATIONS } from '../../src/cli/doctor/explanations/explanations.js';
import { assertNothingLeft } from '../leaks.js';
import { CONNECTION } from './connection.js';
import { ALSO_HTTP, HTTP } from './http.js';
import { JOIN } from './join.js';
import { MESSAGE } from './message.js';
import { CLASS_OF } from './page.js';
import { Place } from './place.js';
import type { Produced, Productions } from './production.js';
import { PROGRAM } from './program.js';
import { ALSO_TCP, TCP } from './tcp.js';
import { WORK } from './work.js';

assertNothingLeft();

const ALL: Productions = { ...HTTP, ...TCP, ...CONNECTION, ...JOIN, ...MESSAGE, ...WORK, ...PROGRAM };
/** Longer than any line of a log that a person reads. */
const MAX_LENGTH = 400;

describe('a code that comes about for real', () => {
  let place: Place;
  before(async () => {
    place = await Place.set();
  });
  after(() => place[Symbol.asyncDispose]());

  it('is every one of them', () => {
    const missing = ERROR_CODES.filter((code) => ALL[code] === undefined);
    assert.deepEqual(missing, []);
  });

  for (const code of ERROR_CODES) {
    const produce = ALL[code];
    if (produce === undefined) continue;
    it(code, async () => {
      const produced = await produce(place);
      assertWellFormed(code, produced);
      assertLooksLike(EXPLANATIONS[code].example, produced);
      assertTravels(produced.error as NetworkError);
    });
  }

  for (const { code, by, produce } of [...ALSO_TCP, ...ALSO_HTTP]) {
    it(`${code}, ${by}`, async () => {
      const produced = await produce(place);
      assertWellFormed(code, produced);
      assertTravels(produced.error as NetworkError);
    });
  }
});

/** Its class, code and message are what a user, a terminal and a log can rely on. */
function assertWellFormed(code: ErrorCode, { error, names, secrets = [] }: Produced): void {
  assert.ok(error instanceof NetworkError, inspect(error));
  assert.equal(error.code, code, inspect(error));
  assert.equal(error.name, CLASS_OF[code] ?? 'NetworkError');
  assert.equal(error.constructor.name, error.name);
  const { message, hint = '' } = error;
  for (const name of names) assert.ok(message.includes(name), `${JSON.stringify(name)} in ${message}`);
  for (const text of [message, hint]) {
    assert.doesNotMatch(text, /\p{Cc}|\p{Cf}/u);
    assert.doesNotMatch(text, /\bat .*:\d+:\d+|node_modules|dist\/|file:\/\/|undefined|\[object/);
    assert.ok(text.length <= MAX_LENGTH, text);
  }
  for (const secret of secrets)
    assert.ok(!inspect(error, { depth: 9 }).includes(secret), `a secret in ${inspect(error)}`);
}

/** It is as documented, but for what each run has of its own. */
function assertLooksLike(example: string, { error, shown = {} }: Produced): void {
  let { message } = error as NetworkError;
  for (const [own, documented] of Object.entries(shown)) message = message.replaceAll(own, documented);
  assert.equal(masked(message), masked(example));
}

/** Numbers, addresses and fingerprints differ from run to run. */
const masked = (text: string): string =>
  text
    .replace(/\d+(\.\d+){3}:\d+/g, 'ADDRESS')
    .replace(/nmtk-1-c-…-\w+/, 'TOKEN')
    .replace(/\w{12}…/g, 'FINGERPRINT')
    .replace(/\d+/g, 'N');

/** What another node reads of it is the same, without what is nobody else's business. */
function assertTravels(error: NetworkError): void {
  const wire = JSON.parse(JSON.stringify(error.toWire())) as object;
  const read = fromWire(wire, 'w1');
  assert.deepEqual([read.code, read.message, read.leader], [error.code, error.message, error.leader]);
  assert.deepEqual([read.retryable, workOf(read.code)], [error.retryable, workOf(error.code)]);
  assert.equal(read.node, 'w1');
  for (const key of Object.keys(wire)) assert.ok(['code', 'message', 'leader'].includes(key), key);
}
