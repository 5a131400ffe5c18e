import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import {
  ERROR_CODES,
  fromWire,
  isErrorCode,
  isNetworkError,
  messageOf,
  NetworkError,
  NetworkRetryExhaustedError,
  NetworkTimeoutError,
  summaryOf,
  toNetworkError,
  workOf,
} from '../../src/base/errors.js';

test('every code has a sentence and says whether to try again', () => {
  for (const code of ERROR_CODES) {
    assert.match(summaryOf(code), /^[a-z].*[^.]$/, code);
    assert.equal(typeof new NetworkError(code, 'x').retryable, 'boolean');
    assert.ok(isErrorCode(code));
  }
  assert.equal(new Set(ERROR_CODES).size, ERROR_CODES.length);
  assert.equal(new NetworkError('TIMEOUT', 'x').retryable, true);
  assert.equal(new NetworkError('NOT_ALLOWED', 'x').retryable, false);
  for (const value of ['toString', '__proto__', 'timeout', '', 5, null, undefined])
    assert.equal(isErrorCode(value), false);
});

test('an error keeps its cause, its hint and its node, and sends neither stack nor cause', () => {
  const cause = new Error('secret');
  const error = new NetworkError('CLOSED', 'gone', { cause, hint: 'try again', node: 'w1' });
  assert.deepEqual(
    [error.name, error.message, error.cause, error.hint, error.node],
    ['NetworkError', 'gone', cause, 'try again', 'w1'],
  );
  assert.deepEqual(error.toWire(), { code: 'CLOSED', message: 'gone' });
  assert.ok(error instanceof Error);
  assert.ok(!Object.hasOwn(new NetworkError('CLOSED', 'gone'), 'cause'));
});

test('errors are known by their brand, so that another copy of the library is understood', () => {
  assert.ok(isNetworkError(new NetworkError('IO', 'x')));
  assert.ok(isNetworkError(new NetworkTimeoutError('x')));
  assert.ok(isNetworkError({ [Symbol.for('netmgr.error')]: true }));
  for (const value of [new Error('x'), { code: 'IO', message: 'x', name: 'NetworkError' }, null, undefined, 'IO']) {
    assert.equal(isNetworkError(value), false);
  }
  assert.equal(JSON.stringify(Object.keys(new NetworkError('IO', 'x'))).includes('netmgr'), false);
});

test('anything thrown becomes a NetworkError; one that is one stays as it is', () => {
  const known = new NetworkError('IO', 'x');
  assert.equal(toNetworkError(known, 'INTERNAL'), known);
  const cause = new TypeError('bad');
  const error = toNetworkError(cause, 'HANDLER_FAILED');
  assert.deepEqual([error.code, error.message, error.cause], ['HANDLER_FAILED', 'bad', cause]);
  assert.equal(toNetworkError('text').code, 'INTERNAL');
});

test('the message of anything thrown is never empty', () => {
  const circular: { self?: unknown } = {};
  circular.self = circular;
  assert.equal(messageOf(new Error('why')), 'why');
  assert.equal(messageOf(Object.assign(new TypeError('x'), { message: '' })), 'TypeError');
  assert.equal(messageOf('why'), 'why');
  for (const value of ['', undefined, null, 5, circular, 1n]) assert.match(messageOf(value), /no error was thrown/);
});

test('what a peer says becomes an error, however odd it is', () => {
  const timeout = fromWire({ code: 'TIMEOUT', message: 'late' }, 'w1');
  assert.ok(timeout instanceof NetworkTimeoutError);
  assert.deepEqual([timeout.code, timeout.message, timeout.node], ['TIMEOUT', 'late', 'w1']);
  for (const wire of [undefined, null, 5, 'x', [], {}, { code: 'toString' }, { code: 5, message: {} }]) {
    const error = fromWire(wire);
    assert.deepEqual([error.code, error.message], ['HANDLER_FAILED', summaryOf('HANDLER_FAILED')]);
  }
  assert.equal(fromWire({ code: 'NO_SUCH', message: 'm' }).message, 'm');
  const sent = new NetworkError('OVERLOADED', 'full', { node: 'w2' });
  assert.deepEqual(fromWire(JSON.parse(JSON.stringify(sent.toWire()))).toWire(), sent.toWire());
});

test('what is printed of an error has its name, code and what is known, once each, and nothing that is not known', () => {
  const lastError = new NetworkTimeoutError('late', { node: 'w1' });
  const shown = inspect(new NetworkRetryExhaustedError("'get' to w1 failed", { lastError, attempts: 3, node: 'w1' }));
  assert.match(shown, /^NetworkRetryExhaustedError: 'get' to w1 failed\n {4}at /);
  assert.match(
    shown,
    /code: 'RETRIES_EXHAUSTED',\n {2}node: 'w1',\n {2}attempts: 3,\n {2}\[cause\]: NetworkTimeoutError: late\n/,
  );
  assert.doesNotMatch(shown, /undefined|netmgr\.error|name:|lastError|retryable/);
  assert.equal(shown.split('late').length, 2);
  const plain = inspect(new NetworkError('NOT_LEADER', 'ask b', { leader: 'b', hint: 'h', address: 'b:1' }));
  assert.match(
    plain,
    /^NetworkError: ask b\n[\s\S]*code: 'NOT_LEADER',\n {2}hint: 'h',\n {2}address: 'b:1',\n {2}leader: 'b'\n}$/,
  );
});

test('as JSON an error is whole but for its stack; of the cause there is the message', () => {
  const cause = new Error('ECONNREFUSED');
  const error = new NetworkError('CONNECTION_FAILED', 'cannot connect', { cause, address: 'ws://b:1' });
  assert.equal(
    JSON.stringify(error),
    '{"name":"NetworkError","code":"CONNECTION_FAILED","message":"cannot connect","retryable":true,"address":"ws://b:1",' +
      '"cause":"ECONNREFUSED"}',
  );
  const exhausted = new NetworkRetryExhaustedError('x', { lastError: error, attempts: 2 });
  assert.equal(JSON.parse(JSON.stringify(exhausted)).attempts, 2);
  assert.equal(exhausted.lastError, error);
  assert.equal(exhausted.cause, error);
});

test('a message that travels is no longer than it may be, and is cut between characters', () => {
  const long = `${'x'.repeat(4_094)}\u{1f600}tail`;
  const error = new NetworkError('HANDLER_FAILED', long);
  assert.equal(error.message, long);
  for (const { message } of [error.toWire(), fromWire({ code: 'HANDLER_FAILED', message: long })]) {
    assert.equal(message, `${'x'.repeat(4_094)}…`);
  }
  const fits = 'y'.repeat(4_096);
  assert.equal(fromWire(new NetworkError('IO', fits).toWire()).message, fits);
});

test('whether something may have been done follows from the code', () => {
  const of = (work: string) => ERROR_CODES.filter((code) => workOf(code) === work);
  assert.deepEqual(of('begun'), ['HANDLER_FAILED']);
  for (const code of ['TIMEOUT', 'CLOSED', 'RECEIVE_FAILED', 'CANCELLED', 'RETRIES_EXHAUSTED'] as const) {
    assert.equal(workOf(code), 'maybe', code);
  }
  for (const code of ['CONNECTION_FAILED', 'OVERLOADED', 'INVALID_PAYLOAD'] as const)
    assert.equal(workOf(code), 'none');
});
