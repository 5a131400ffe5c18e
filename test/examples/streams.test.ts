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
const EXAMPLE = join(ROOT, 'examples/streams/upload.mjs');
const run = promisify(execFile);

test('the upload on the page about byte streams is the example, and it prints what the page says', async () => {
  const page = await readFile(join(ROOT, 'docs/streams.md'), 'utf8');
  const [, code, output] = /```js\n(.*?)```\n\nIt prints:\n\n```\n(.*?)```/s.exec(page) ?? [];
  assert.equal(code, await readFile(EXAMPLE, 'utf8'));
  const { stdout } = await run(process.execPath, [EXAMPLE], { timeout: 60_000 });
  assert.equal(stdout, output);
});
