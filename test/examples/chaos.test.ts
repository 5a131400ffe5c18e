import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXAMPLE = join(ROOT, 'examples/chaos/lock-service.mjs');
const run = promisify(execFile);

test('the lock service on the page about chaos is the example, and prints what the page says', async () => {
  const page = await readFile(join(ROOT, 'docs/chaos.md'), 'utf8');
  const [, code, output] = /```js\n(.*?)```\n\nIt prints:\n\n```\n(.*?)```/s.exec(page) ?? [];
  assert.equal(code, await readFile(EXAMPLE, 'utf8'));
  const { stdout } = await run(process.execPath, [EXAMPLE], { timeout: 60_000 });
  assert.equal(stdout, output);
  assert.match(stdout, /the naive lock fails with seed \d+/);
  assert.match(stdout, /the fenced lock holds/);
});
