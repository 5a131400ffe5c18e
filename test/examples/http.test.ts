import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXAMPLE = join(ROOT, 'examples/http/node.mjs');
const noCurl = spawnSync('curl', ['--version']).status === 0 ? false : 'curl is not installed';

/** Without what is another one each time. */
const steady = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replace(/^Date: .*$/m, 'Date: …')
    .replace(/instance=\w+/, 'instance=…')
    .replace(/"id":"[\w-]+"/, '"id":"…"')
    .replace(/"ts":\d+/, '"ts":…');

test('the node on the page about HTTP is the example, and answers curl as the page says', {
  skip: noCurl,
}, async () => {
  const page = await readFile(join(ROOT, 'docs/http.md'), 'utf8');
  const [, code] = /```js\n(.*?)```/s.exec(page) ?? [];
  assert.equal(code, await readFile(EXAMPLE, 'utf8'));
  const commands = [...page.matchAll(/```console\n(.*?)```/gs)].flatMap(([, block = '']) =>
    block.split(/^\$ /m).filter((part) => part !== ''),
  );
  assert.ok(commands.length >= 7, `${commands.length} commands`);
  const node = spawn(process.execPath, [EXAMPLE, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [url] = (await once(node.stdout, 'data')) as [Buffer];
    for (const shown of commands) {
      const [command = '', ...output] = shown.split('\n');
      const line = command.replaceAll('http://127.0.0.1:8001', String(url).trim());
      const { stdout } = await promisify(execFile)('sh', ['-c', line], { timeout: 30_000 });
      assert.equal(steady(stdout).trimEnd(), steady(output.join('\n')).trimEnd(), command);
    }
  } finally {
    node.kill('SIGTERM');
    assert.deepEqual(await once(node, 'exit'), [0, null]);
  }
});
