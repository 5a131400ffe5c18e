import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Clock, SystemClock } from '../../../src/base/clock.js';
import { isNetworkError } from '../../../src/base/errors.js';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';
import { loadHandlerModule } from '../../../src/cli/script/module.js';
import type { Handler, HandlerContext } from '../../../src/manager/handler.js';
import { assertNothingLeft } from '../../leaks.js';

const directory = mkdtempSync(join(tmpdir(), 'netmgr-test-'));
after(() => rmSync(directory, { recursive: true }));
const clock = new SystemClock();
assertNothingLeft(clock);
const library = pathToFileURL(join(import.meta.dirname, '../../../src/manager/handler.js')).href;
const CONTEXT = {} as HandlerContext;

let files = 0;
function file(text: string, name = `module-${++files}.mjs`): string {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
}
const load = (text: string): Promise<Handler[]> => loadHandlerModule(file(text), clock);

test('an object of functions, and of objects with options and run', async () => {
  const handlers = await load(`
    const input = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
    export default {
      double: (n) => 2 * n,
      'text.upper': { concurrency: 3, queue: 0, timeoutMs: 50, input, run: async (text) => text.toUpperCase() },
    };`);
  assert.deepEqual(
    handlers.map(({ type }) => type),
    ['double', 'text.upper'],
  );
  const [double, upper] = handlers as [Handler, Handler];
  assert.equal(double.run(4, CONTEXT), 8);
  assert.equal(await upper.run('a', CONTEXT), 'A');
  const { concurrency, queue, timeoutMs, input } = upper.options;
  assert.deepEqual({ concurrency, queue, timeoutMs }, { concurrency: 3, queue: 0, timeoutMs: 50 });
  assert.ok(input?.['~standard']);
});

test("a list of handlers made by the library's handle", async () => {
  const handlers = await load(`import { handle } from ${JSON.stringify(library)};
    export default [handle('a', { concurrency: 2 }, () => 1), handle('b', {}, () => 2)];`);
  assert.deepEqual(
    handlers.map(({ type, options }) => [type, options.concurrency]),
    [
      ['a', 2],
      ['b', undefined],
    ],
  );
});

test('a path is taken from the current directory; odd names are fine', async () => {
  const path = file('export default { a: () => 1 };', 'odd #1 ?%20é.mjs');
  assert.equal((await loadHandlerModule(path, clock)).length, 1);
});

const WRONG: readonly (readonly [string, string, RegExp])[] = [
  ['throws', `throw new Error('no database here')`, /it cannot be imported: no database here/],
  ['throws something odd', `throw null`, /it cannot be imported/],
  ['is no JavaScript', `export default {`, /it cannot be imported: SyntaxError: /],
  ['imports what is missing', `import 'netmgr-no-such-package'`, /it cannot be imported: .*netmgr-no-such-package/],
  ['no default export', `export const a = () => 1`, /it has no default export/],
  ['a function', `export default () => 1`, /its default export is a function/],
  ['null', `export default null`, /its default export is null/],
  ['nothing in it', `export default {}`, /its default export has no handlers/],
  ['an empty list', `export default []`, /its default export has no handlers/],
  ['no function', `export default { a: 1 }`, /'a' is no function and has no run/],
  ['no run', `export default { a: { concurrency: 1 } }`, /'a' has no function run/],
  ['a bad type', `export default { '1a\\u001b': () => 1 }`, /'1a\\x1b': /],
  ['our own type', `export default { 'netmgr.x': () => 1 }`, /'netmgr\.x': .*netmgr's own/],
  [
    'a mistyped option',
    `export default { a: { timeout: 5, run() {} } }`,
    /'a' has an option 'timeout'; there are .*timeoutMs/,
  ],
  ['a bad number', `export default { a: { concurrency: 0, run() {} } }`, /'a': concurrency: 0 is not/],
  [
    'no schema',
    `export default { a: { input: {}, run() {} } }`,
    /'a': input is no schema of a Standard Schema library/,
  ],
  ['a list of functions', `export default [() => 1]`, /element 0 of its default export was not made by handle/],
  ['a list with null', `export default [null]`, /element 0 of its default export was not made by handle/],
  ['one type twice', `const h = { type: 'a', options: {}, run() {} }; export default [h, h]`, /'a' has two handlers/],
];

for (const [name, text, message] of WRONG) {
  test(`refused, naming the file, the reason and the accepted forms: ${name}`, () => refused(file(text), message));
}

async function refused(path: string, message: RegExp, given: Clock = clock): Promise<void> {
  await assert.rejects(loadHandlerModule(path, given), (error) => {
    assert.ok(isNetworkError(error), String(error));
    assert.equal(error.code, 'INVALID_OPTION');
    assert.equal(exitCodeOf(error), 78);
    assert.ok(error.message.startsWith(`--handlers ${path}: `), error.message);
    assert.match(error.message, message);
    assert.match(error.hint ?? '', /export default \{ TYPE: .* run \} \}, or \[handle\('TYPE', options, run\), …\]/);
    return true;
  });
}

test('refused: no such file', () => refused(join(directory, 'no-such.mjs'), /the file does not exist$/));

test('refused: a directory', () => {
  mkdirSync(join(directory, 'folder'));
  return refused(join(directory, 'folder'), /it is not a file$/);
});

test('refused: one that never finishes loading', async () => {
  const impatient: Clock = {
    now: () => clock.now(),
    wallNow: () => clock.wallNow(),
    setTimer: (delayMs, callback) => clock.setTimer(delayMs === 30_000 ? 20 : delayMs, callback),
    defer: (callback) => clock.defer(callback),
    pending: 0,
  };
  await refused(file('await new Promise(() => {}); export default {};'), /it did not finish within 30 s/, impatient);
});
