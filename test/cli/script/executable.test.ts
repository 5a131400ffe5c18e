import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';
import { parseBindings } from '../../../src/cli/script/binding.js';
import { checkBindings, checkExecutable, startFailure } from '../../../src/cli/script/executable.js';

const directory = mkdtempSync(join(tmpdir(), 'netmgr-test-'));
after(() => rmSync(directory, { recursive: true }));
const file = (name: string, mode: number): string => {
  writeFileSync(join(directory, name), '#!/bin/sh\n', { mode });
  return join(directory, name);
};
const program = file('program', 0o755);
const plain = file('plain', 0o644);
mkdirSync(join(directory, 'folder'));

test('what can be started is fine: by path, and by name on the PATH', async () => {
  assert.equal(await checkExecutable([program, 'x'], undefined), undefined);
  assert.equal(await checkExecutable(['sh'], process.env['PATH']), undefined);
  assert.equal(await checkExecutable(['program'], `/no/such:${directory}`), undefined);
});

const REFUSED: readonly (readonly [string, string, RegExp, RegExp])[] = [
  ['no such name', 'netmgr-no-such', /^the program 'netmgr-no-such' is not on the PATH$/, /Install it/],
  ['no such path', './no/such', /^the program '.\/no\/such' does not exist$/, /path of the program/],
  ['~ is not expanded', '~/bin/x', /does not exist/, /No shell expands ~/],
  ['a directory', join(directory, 'folder'), /is a directory, not a program/, /a program in it/],
  ['not executable', plain, /may not be executed/, /chmod \+x/],
  ['not executable, on the PATH', 'plain', /may not be executed/, /chmod \+x/],
  ['control characters', 'a\u001b[2J', /'a\\x1b\[2J' is not on the PATH/, /Install/],
];

for (const [name, command, message, hint] of REFUSED) {
  test(`refused at the start of join, exit 78: ${name}`, async () => {
    const error = await checkExecutable([command], directory);
    assert.equal(error?.code, 'INVALID_OPTION');
    assert.match(error.message, message);
    assert.match(error.hint ?? '', hint);
    assert.equal(exitCodeOf(error), 78);
  });
}

test('the binding that cannot work is named', async () => {
  const bindings = parseBindings({ on: ['a=program x', 'b=no-such-program'] });
  await assert.rejects(checkBindings(bindings, directory), (error) => {
    assert.equal(exitCodeOf(error), 78);
    assert.match(String(error), /--on b=…: the program 'no-such-program' is not on the PATH/);
    return true;
  });
  await checkBindings(bindings.slice(0, 1), directory);
});

test('what fails for lack of room may be tried again; the rest fails', () => {
  const codeFor = (code: string) => startFailure('x', Object.assign(new Error('spawn x'), { code })).code;
  assert.deepEqual(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM'].map(codeFor), Array(4).fill('HANDLER_RETRY'));
  assert.deepEqual(
    ['ENOENT', 'EACCES', 'EPERM', 'E2BIG', 'ERR_INVALID_ARG_VALUE'].map(codeFor),
    Array(5).fill('HANDLER_FAILED'),
  );
});
