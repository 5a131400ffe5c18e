import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERROR_CODES, NetworkError } from '../../src/base/errors.js';
import { CommandError, EXIT, EXIT_OF, exitCodeOf, usageError } from '../../src/cli/exit-codes.js';
import { createOutput } from '../../src/cli/output.js';
import { reportError } from '../../src/cli/report-error.js';
import { fakeEnvironment } from './fake-environment.js';

test('every error code has an exit code of the contract, and no other is in the table', () => {
  assert.deepEqual(Object.keys(EXIT_OF).sort(), [...ERROR_CODES].sort());
  const contract = [1, 2, 3, 4, 69, 70, 75, 77, 78, 124, 130, 143];
  for (const code of ERROR_CODES) assert.ok(contract.includes(exitCodeOf(new NetworkError(code, 'x'))), code);
});

test('the exit codes that scripts rely on', () => {
  const table = {
    HANDLER_FAILED: 1,
    INVALID_OPTION: 2,
    NO_HANDLER: 4,
    NO_TARGET: 4,
    CONNECTION_FAILED: 69,
    INTERNAL: 70,
    OVERLOADED: 75,
    IO: 75,
    NOT_ALLOWED: 77,
    ADDRESS_IN_USE: 78,
    VERSION_MISMATCH: 78,
    NAME_IN_USE: 78,
    TIMEOUT: 124,
  } as const;
  for (const [code, exit] of Object.entries(table)) assert.equal(EXIT_OF[code as keyof typeof table], exit, code);
  assert.equal(exitCodeOf(new Error('anything else')), EXIT.internal);
  assert.equal(exitCodeOf(new CommandError('TIMEOUT', 'x', { exitCode: 3 })), 3);
});

function report(error: unknown, json: boolean): { readonly exitCode: number; readonly stderr: string } {
  const fake = fakeEnvironment();
  const output = createOutput({ ...fake.environment, quiet: () => true });
  return { exitCode: reportError(error, output, json), stderr: fake.stderr() };
}

test('an error says what and what next, even with --quiet, without raw control characters', () => {
  const plain = report(usageError('bad \x1b[31m\u202e thing', 'do \x07 this'), false);
  assert.equal(plain.exitCode, 2);
  assert.equal(plain.stderr, 'netmgr: bad \\x1b[31m\\u202e thing\n  do \\x07 this\n');
  const json = report(usageError('bad \x1b\u202e', 'do'), true);
  assert.doesNotMatch(json.stderr.trimEnd(), /[\p{Cc}\p{Cf}]/u);
  assert.deepEqual(JSON.parse(json.stderr), {
    error: { code: 'INVALID_OPTION', message: 'bad \x1b\u202e', hint: 'do' },
  });
});

test('a fault of our own says where it is', () => {
  const { exitCode, stderr } = report(new TypeError('oops'), false);
  assert.equal(exitCode, 70);
  assert.match(stderr, /oops\n.*please report.*exit-codes\.test/s);
});
