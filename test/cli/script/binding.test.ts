import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNetworkError } from '../../../src/base/errors.js';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';
import { type BindingFlags, parseBindings } from '../../../src/cli/script/binding.js';

test('--on TYPE=COMMAND: the first = divides', () => {
  const [binding] = parseBindings({ on: [`sort.by:key-1=sort -k 'a=b' "c d"`] });
  assert.deepEqual(binding, {
    type: 'sort.by:key-1',
    argv: ['sort', '-k', 'a=b', 'c d'],
    stream: false,
    payload: 'stdin',
    env: [],
  });
});

test('no flags are no bindings', () => assert.deepEqual(parseBindings({}), []));

test('--stream names a TYPE, --payload and --env are for all', () => {
  const bindings = parseBindings({
    on: ['a=cat', 'b=cat -u'],
    stream: ['b', 'b'],
    payload: 'file',
    env: ['EDITOR', 'EDITOR', '_x9'],
  });
  assert.deepEqual(
    bindings.map(({ type, stream, payload, env }) => ({ type, stream, payload, env })),
    [
      { type: 'a', stream: false, payload: 'file', env: ['EDITOR', '_x9'] },
      { type: 'b', stream: true, payload: 'file', env: ['EDITOR', '_x9'] },
    ],
  );
});

const WRONG: readonly (readonly [string, BindingFlags, RegExp, RegExp])[] = [
  ['no =', { on: ['sha256sum'] }, /--on sha256sum: there is no '='/, /--on TYPE=COMMAND/],
  ['no TYPE', { on: ['=cat'] }, /--on =cat: '' is not a message type/, /TYPE is a letter/],
  ['bad TYPE', { on: ['1st=cat'] }, /'1st' is not a message type/, /TYPE is a letter/],
  ['long TYPE', { on: [`${'x'.repeat(129)}=cat`] }, /is not a message type/, /127/],
  ['control characters', { on: ['a\u001b[2J=cat'] }, /'a\\x1b\[2J' is not a message type/, /TYPE/],
  ['ours', { on: ['netmgr.ping=cat'] }, /types that begin with 'netmgr\.' are netmgr's own/, /other/],
  ['twice', { on: ['a=cat', 'a=wc'] }, /--on a=…: 'a' has a command already/, /once/],
  ['no COMMAND', { on: ['a='] }, /--on a=…: the command is empty/, /Quote/],
  ['open quote', { on: [`a=sh -c 'x`] }, /--on a=…: the command has a ' that is never closed, at character 7/, /Quote/],
  ['--stream of nothing', { on: ['a=cat'], stream: ['b'] }, /--stream b: no --on binds this TYPE/, /--on b=COMMAND/],
  ['--payload', { on: ['a=cat'], payload: 'argv' }, /--payload argv: not a way/, /'stdin' \(default\) or 'file'/],
  ['--env with a value', { env: ['A=1'] }, /--env A=1: not the name/, /without a value/],
  ['--env of ours', { env: ['NETMGR_TOKEN'] }, /--env NETMGR_TOKEN: variables that begin with NETMGR_/, /other/],
];

for (const [name, flags, message, hint] of WRONG) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => parseBindings(flags),
      (error) => {
        assert.ok(isNetworkError(error));
        assert.equal(error.code, 'INVALID_OPTION');
        assert.equal(exitCodeOf(error), 2);
        assert.match(error.message, message);
        assert.match(error.hint ?? '', hint);
        return true;
      },
    );
  });
}
