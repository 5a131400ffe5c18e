import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ERROR_CODES,
  fromWire,
  isErrorCode,
  isNetworkError,
  messageOf,
  NetworkError,
  NetworkTimeoutError,
  summaryOf,
  toNetworkError,
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
