import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { run as runHere } from '../cli/fake-environment.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);

/** The first code block of a language after a heading, and the plain block that follows it. */
function blocksAfter(page: string, heading: string, language: string): readonly [code: string, output: string] {
  const section = page.slice(page.indexOf(`\n${heading}\n`));
  const match = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\`\\n\\n\`\`\`\\n(.*?)\`\`\``, 's').exec(section);
  assert.ok(match, `the README has no ${language} block with its output under '${heading}'`);
  return [match[1] as string, match[2] as string];
}

test('the program in the README runs and prints what the README says', async () => {
  const page = await readFile(join(ROOT, 'README.md'), 'utf8');
  const [code, output] = blocksAfter(page, '## The library', 'js');
  const folder = await mkdtemp(join(tmpdir(), 'netmgr-readme-'));
  try {
    // As in an installed package, but for where the two packages are.
    const here = (path: string) => pathToFileURL(join(ROOT, path)).href;
    const program = code
      .replace("from 'netmgr'", `from '${here('dist/src/index.js')}'`)
      .replace("from 'zod'", `from '${here('node_modules/zod/index.js')}'`);
    const file = join(folder, 'program.mjs');
    await writeFile(file, program);
    const { stdout } = await run(process.execPath, [file], { timeout: 30_000 });
    assert.equal(stdout, output);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('every command line in the README is one that the program knows', async () => {
  const page = await readFile(join(ROOT, 'README.md'), 'utf8');
  const commands = new Set(
    [...page.matchAll(/(?:^\w*\$ |\| |`|^)netmgr (?:--context \w+ )?([a-z]+)/gm)].map((match) => match[1] as string),
  );
  assert.ok(commands.size >= 12, [...commands].join(' '));
  for (const command of commands) {
    const { stdout } = await runHere([command, '--help']);
    assert.match(stdout, new RegExp(`Usage: netmgr ${command}`));
  }
});
