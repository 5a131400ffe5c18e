import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { conformance } from '../../src/testing/conformance/conformance.js';
import { memorySubject } from '../conformance/memory-subject.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXAMPLE = join(ROOT, 'examples/transport/conformance.mjs');
const run = promisify(execFile);
const page = await readFile(join(ROOT, 'docs/conformance.md'), 'utf8');

test('the subject on the page about transports is the example, and prints what the page says', async () => {
  const [, code, output] = /```js\n(\/\/ Does the transport.*?)```\n\nIt prints:\n\n```\n(.*?)```/s.exec(page) ?? [];
  assert.equal(code, await readFile(EXAMPLE, 'utf8'));
  const { stdout } = await run(process.execPath, [EXAMPLE], { timeout: 60_000 });
  assert.equal(stdout, output);
});

test('the page names every topic of the suite', () => {
  const checks = conformance({ ...memorySubject('memory'), shape: 'mesh' }).concat(
    conformance(memorySubject('memory')),
  );
  const topics = new Set(checks.map(({ name }) => name.slice(0, name.indexOf(':'))));
  for (const topic of topics) assert.ok(page.includes(`\`${topic}\``), topic);
});
