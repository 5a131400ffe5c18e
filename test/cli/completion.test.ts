import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../../src/base/version.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();
const directory = mkdtempSync(join(tmpdir(), 'netmgr-completion-'));
after(() => rmSync(directory, { recursive: true }));
const bin = fileURLToPath(new URL('../../../bin/netmgr.js', import.meta.url));
const netmgr = (...words: string[]): string => execFileSync(process.execPath, [bin, ...words], { encoding: 'utf8' });

const PARSERS = { bash: ['bash', '-n'], zsh: ['zsh', '-n'], fish: ['fish', '--no-execute'] } as const;

for (const [shell, [program, flag]] of Object.entries(PARSERS)) {
  const there = spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
  test(`the completion script for ${shell} parses`, { skip: there ? false : `${program} is not installed` }, () => {
    const script = netmgr('completion', shell);
    assert.match(script, /netmgr/);
    const file = join(directory, shell);
    writeFileSync(file, script);
    const checked = spawnSync(program, [flag, file], { encoding: 'utf8' });
    assert.equal(checked.status, 0, checked.stderr);
  });
}

const offered = (...words: string[]): string[] =>
  netmgr('complete', '--', ...words)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(':'))
    .map((line) => line.split('\t')[0] ?? '');

test('commands, subcommands, flags and their choices are completed', () => {
  const work = ['lead', 'join', 'status', 'nodes', 'call', 'emit', 'map'];
  assert.deepEqual(offered(''), [...work, 'invite', 'ca', 'doctor', 'config', 'completion']);
  assert.deepEqual(offered('st'), ['status']);
  assert.deepEqual(offered('nodes', ''), ['ls', 'show', 'evict', 'forget']);
  assert.deepEqual(offered('invite', ''), ['create', 'ls', 'revoke', 'rotate']);
  assert.ok(offered('invite', 'create', '--role', '').includes('observer'));
  assert.ok(offered('join', '--tok').includes('--token-file'));
  assert.ok(offered('config', 'context', 'add', '--a').includes('--as'));
  assert.ok(offered('map', '--re').includes('--resume-failed'));
  assert.ok(offered('call', 'x', '--priority', '').includes('high'));
});

test('the version is printed at once', () => {
  assert.equal(netmgr('--version'), `${VERSION}\n`);
  assert.equal(netmgr('-V'), `${VERSION}\n`);
});
