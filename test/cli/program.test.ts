import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CATALOGUE } from '../../src/cli/catalogue.js';
import type { Command } from '../../src/cli/command.js';
import { GLOBAL_FLAGS } from '../../src/cli/global-flags.js';
import { assertNothingLeft } from '../leaks.js';
import { fakeEnvironment, run } from './fake-environment.js';

assertNothingLeft();
const home = mkdtempSync(join(tmpdir(), 'netmgr-program-'));
after(() => rmSync(home, { recursive: true }));

interface Described {
  readonly words: readonly string[];
  readonly command: Command;
}

async function everyCommand(): Promise<readonly Described[]> {
  const { environment } = fakeEnvironment();
  const all: Described[] = [];
  const add = (words: readonly string[], command: Command) => {
    all.push({ words, command });
    for (const sub of command.commands ?? []) add([...words, sub.name], sub);
  };
  for (const entry of CATALOGUE) if (!entry.hidden) add([entry.name], (await entry.load())(environment));
  return all;
}

/** What the issue asks for, and not one more. */
const WORK = ['lead', 'join', 'status', 'nodes', 'call', 'emit', 'map'];
const COMMANDS = [...WORK, 'invite', 'ca', 'doctor', 'config', 'completion'];

test('the help lists the commands that exist and no others', async () => {
  const { exitCode, stdout, stderr } = await run(['--help']);
  assert.equal(exitCode, 0);
  assert.equal(stderr, '');
  const listed = /Commands:\n([\s\S]*?)\n\n/
    .exec(stdout)?.[1]
    ?.split('\n')
    .map((line) => line.trim().split(' ')[0]);
  assert.deepEqual(listed, COMMANDS);
  for (const line of stdout.split('\n')) assert.ok(line.length <= 100, line);
});

test('every command has examples of itself in its help, and flags that exist', async () => {
  const described = await everyCommand();
  for (const { words, command } of described) {
    const { exitCode, stdout } = await run([...words, '--help']);
    assert.equal(exitCode, 0, words.join(' '));
    assert.match(stdout, /\nExamples:\n/, words.join(' '));
    assert.ok(command.examples.length > 0, words.join(' '));
    const known = new Set([...GLOBAL_FLAGS, ...(command.flags ?? [])].map((flag) => `--${flag.name}`));
    for (const flag of command.flags ?? [])
      assert.ok(stdout.includes(`--${flag.name}`), `${words.join(' ')} --${flag.name}`);
    for (const example of command.examples) {
      assert.match(example.command, /netmgr [a-z-]/, example.command);
      if (command.commands !== undefined) continue;
      const own = example.command.slice(example.command.indexOf('netmgr')).split('|')[0] ?? '';
      for (const [flag] of own.matchAll(/--[a-z][a-z-]*/g)) assert.ok(known.has(flag), `${example.command}: ${flag}`);
    }
    assert.equal((await run(['help', ...words])).stdout, stdout);
  }
});

test('a mistyped command or flag suggests the nearest', async () => {
  const table: readonly (readonly [readonly string[], RegExp])[] = [
    [['stauts'], /'stauts' is not a command of 'netmgr'\n.*Did you mean 'netmgr status'/],
    [['stauts', '--json'], /"Did you mean 'netmgr status'\?"/],
    [['nodes', 'lst'], /Did you mean 'netmgr nodes ls'/],
    [['status', '--wacth'], /unknown option '--wacth'\n.*--watch/],
    [['--verison'], /unknown option '--verison'\n.*--version/],
    [['call'], /missing required argument 'TYPE'/],
    [['nodes'], /'netmgr nodes' needs a command: ls, show, evict/],
    [[], /'netmgr' needs a command: lead, join/],
    [['xyzzyxyzzy'], /The commands are lead, join/],
    [['status', 'a', 'b'], /too many arguments/],
    [['status', '--timeout'], /argument missing/],
  ];
  for (const [words, message] of table) {
    const { exitCode, stdout, stderr } = await run(words);
    assert.equal(exitCode, 2, words.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, message);
  }
});

test('bad input of every kind is refused before anything is dialled', async () => {
  const variables = { NETMGR_STATE_DIR: join(home, 's'), NETMGR_CONFIG_DIR: join(home, 'c') };
  const table: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['call', '9x'], 2, /'9x' is not a handler type/],
    [['call', 'x', '{"a"'], 2, /the payload is not JSON/],
    [['call', 'x', '12', '--quorum', '2'], 2, /--quorum needs --all/],
    [['call', 'x', '--all', '--to', 'w1'], 2, /--all goes with neither/],
    [['call', 'x', '--where', 'colour=red'], 2, /--where: .*'colour' is not a field/],
    [['call', 'x', '--timeout', '5'], 2, /--timeout: '5' is not a duration/],
    [['call', 'x', '--quorum', '0%'], 2, /--quorum: '0%'/],
    [['status', '--wait', 'alive>three'], 2, /--wait: 'alive>three' is not a condition/],
    [['status', '--watch', '--check'], 2, /--watch goes with neither/],
    [['map', 'x', '--jobs', '0'], 2, /--jobs: '0' is not a whole number from 1/],
    [['map', 'x', '--halt', 'later'], 2, /--halt: 'later'/],
    [['map', 'x', '--resume'], 2, /--resume needs --joblog/],
    [['join', '--on', 'sha256sum'], 2, /--on sha256sum/],
    [['join', '--handlers', join(home, 'none.mjs')], 78, /does not exist/],
    [['join', '--name', 'Big Name'], 2, /'Big Name' is not a node name/],
    [['join', '--tag', '=1'], 2, /'=1' is not a tag/],
    [['join', 'ws://:x'], 2, /address/],
    [['join', 'wss://127.0.0.1:1'], 77, /for the first time, this node needs a token\n.*netmgr invite create/],
    [['join', 'ws://192.0.2.1:1'], 78, /plaintext .* is for loopback addresses only/],
    [['join', '--plaintext', 'wss://127.0.0.1:1'], 2, /--plaintext contradicts/],
    [['lead', '--plaintext', '--bind', '0.0.0.0:0'], 78, /plaintext .* is for loopback addresses only/],
    [['lead', '--plaintext', '--bind', ':0'], 78, /plaintext .* is for loopback addresses only/],
    [['lead', '--plaintext', '--behind-proxy'], 2, /exclude each other/],
    [['lead', '--advertise', 'a b'], 2, /address/],
    [['invite', 'create', '--ttl', '400d'], 2, /--ttl: '400d' is not between 1s and 365d/],
    [['invite', 'create', '--uses', '0'], 2, /--uses: '0' is not a whole number from 1/],
    [['invite', 'create', '--role', 'leader'], 2, /--role: 'leader' is not one of collaborator, operator, observer/],
    [
      ['status', '--leader', '127.0.0.1:1'],
      77,
      /you have no key for the leader at wss:.*\n.*invite create --role operator/,
    ],
    [['lead', '--bind', '127.0.0.1:99999'], 2, /not an address to listen on/],
    [['status', '--leader', 'http://x'], 2, /address/],
    [['status', '--context', 'none'], 2, /there is no context 'none'/],
    [['completion', 'tcsh'], 2, /'tcsh' is not a shell/],
  ];
  for (const [words, code, message] of table) {
    const { exitCode, stderr } = await run(words, { variables });
    assert.match(stderr, message, words.join(' '));
    assert.equal(exitCode, code, words.join(' '));
  }
});

test('without a leader a command says so, where it looked, and what to do', async () => {
  const variables = { NETMGR_STATE_DIR: join(home, 'none'), NETMGR_CONFIG_DIR: join(home, 'c') };
  for (const words of [['status'], ['nodes', 'ls'], ['call', 'x'], ['emit', 'x', 'y', '--all'], ['map', 'x']]) {
    const { exitCode, stdout, stderr } = await run(words, { variables });
    assert.equal(exitCode, 69, words.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /no leader answers on this host \(.*leader\.sock\)\n.*netmgr lead/);
  }
  const probe = await run(['status', '--check'], { variables });
  assert.equal(probe.exitCode, 1);
  assert.match(probe.stdout, /^not healthy: no leader answers/);
});
