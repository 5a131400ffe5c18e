import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { NetworkError } from '../../src/base/errors.js';
import { createCollaborator, createLeader } from '../../src/index.js';
import { type Handler, handle } from '../../src/manager/handler.js';
import type { Collaborator } from '../../src/role/collaborator.js';
import type { Leader } from '../../src/role/leader.js';
import { assertNothingLeft } from '../leaks.js';
import { type FakeOptions, type Ran, run } from './fake-environment.js';

const state = mkdtempSync(join(tmpdir(), 'netmgr-cluster-'));
const variables = { NETMGR_STATE_DIR: state, NETMGR_CONFIG_DIR: join(state, 'config') };
let leader: Leader;
const collaborators: Collaborator[] = [];
const received: unknown[] = [];

const double = handle('double', {}, (payload) => `${String(payload)}${String(payload)}`);
const moody = (answer: () => unknown): Handler => handle('moody', {}, answer);
const silent = () => new Promise<never>(() => {});
const fails = () => {
  throw new NetworkError('HANDLER_FAILED', 'no \x1b[31mway');
};

before(async () => {
  mkdirSync(join(state, 'leader'));
  for (const name of ['w1', 'w2', 'w3']) mkdirSync(join(state, 'nodes', name), { recursive: true });
  leader = await createLeader({ listen: { port: 0 }, socketPath: join(state, 'leader', 'leader.sock') });
  const join3: readonly (readonly [string, Record<string, string>, readonly Handler[]])[] = [
    ['w1', { zone: 'a' }, [double, moody(() => 'fine'), handle('note', {}, (payload) => void received.push(payload))]],
    ['w2', { zone: 'a' }, [double, moody(fails)]],
    ['w3', { zone: 'b' }, [moody(silent), handle('value', {}, (payload) => payload)]],
  ];
  const invited = await leader.security?.invites.create({ role: 'collaborator', uses: join3.length });
  for (const [name, tags, handlers] of join3) {
    const socketPath = join(state, 'nodes', name, 'node.sock');
    collaborators.push(
      await createCollaborator({
        leader: leader.address,
        token: invited?.token,
        name,
        tags,
        handlers,
        socketPath,
        slots: 2,
      }),
    );
  }
  assert.equal((await cli(['status', '--wait', 'alive>=3', '--timeout', '10s'])).exitCode, 0);
});

after(async () => {
  for (const collaborator of collaborators) await collaborator.stop({ graceMs: 0 });
  await leader.stop();
  rmSync(state, { recursive: true });
});
// After the hook above, for hooks run in the order of their registration.
assertNothingLeft();

const cli = (words: readonly string[], options: FakeOptions = {}): Promise<Ran> =>
  run(words, { variables, ...options });
const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('status is the document of the contract, the table for people', async () => {
  const status = JSON.parse((await cli(['status', '--json'])).stdout) as Record<string, unknown> & {
    nodes: { node: string; handlers: string[] }[];
    counts: Record<string, number>;
  };
  assert.equal(status['schema'], 1);
  assert.equal(status.counts['alive'], 3);
  assert.deepEqual(status.nodes.map(({ node }) => node).sort(), ['w1', 'w2', 'w3']);
  const table = await cli(['status']);
  assert.match(table.stdout, /^default {2}leader serving at wss:\/\/127\.0\.0\.1:\d+/);
  assert.match(table.stdout, /\n3 alive\n\nNODE +STATUS/);
  assert.equal(table.stderr, '');
  assert.match((await cli(['status', 'w1'])).stdout, /^node +w1\n/);
  assert.equal((JSON.parse((await cli(['nodes', 'show', 'w2', '--json'])).stdout) as { node: string }).node, 'w2');
  const filtered = JSON.parse((await cli(['nodes', 'ls', '--where', 'tag.zone=b', '--json'])).stdout) as {
    nodes: unknown[];
  };
  assert.equal(filtered.nodes.length, 1);
  assert.deepEqual(await cli(['status', '--check']), { exitCode: 0, stdout: 'healthy: 3 alive\n', stderr: '' });
  const unknown = await cli(['status', 'w4']);
  assert.equal(unknown.exitCode, 4);
  assert.match(unknown.stderr, /there is no node 'w4'/);
});

test('waiting in vain says what there is', async () => {
  const { exitCode, stderr } = await cli(['status', '--wait', 'alive>=9', '--timeout', '100ms']);
  assert.equal(exitCode, 124);
  assert.match(stderr, /'alive>=9' did not hold within 100 ms; there are: 3 alive/);
});

test('one answer is printed as it is; with --json as a line', async () => {
  assert.deepEqual(await cli(['call', 'double', 'ab']), { exitCode: 0, stdout: 'abab\n', stderr: '' });
  const { node, ok, payload } = linesOf((await cli(['call', 'double', 'x', '--to', 'w2', '--json'])).stdout)[0] ?? {};
  assert.deepEqual({ node, ok, payload }, { node: 'w2', ok: true, payload: 'xx' });
  assert.equal((await cli(['call', 'value', '{"a":[1,"\u202e"]}'])).stdout, '{"a":[1,"\\u202e"]}\n');
  assert.equal((await cli(['call', 'value', '12345678901234567890'])).stdout, '12345678901234567890\n');
  assert.equal((await cli(['call', 'value', '12', '--ndjson'])).stdout, '12\n');
  assert.equal((await cli(['call', 'value', '-'], { input: 'from stdin' })).stdout, 'from stdin\n');
  assert.equal((await cli(['call', 'value', '\x1b[31m'], { columns: 80 })).stdout, '\\x1b[31m\n');
  assert.equal((await cli(['call', 'value', '\x1b[31m'])).stdout, '\x1b[31m\n');
});

test('one that fails, is silent, unknown or without the handler has its own exit code', async () => {
  const table: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['call', 'moody', '--to', 'w2'], 1, /no \\x1b\[31mway/],
    [['call', 'moody', '--to', 'w3', '--timeout', '100ms'], 124, /within 100 ms/],
    [['call', 'moody', '--to', 'w9'], 4, /there is no node 'w9'/],
    [['call', 'dubble', 'x'], 4, /no collaborator handles 'dubble'\n.*Did you mean 'double'/],
    [['call', 'double', 'x', '--to', 'w3'], 4, /no handler/],
    [['call', 'x', '--where', 'tag.zone=z'], 4, /no node matches/],
    [['map', 'dubble'], 4, /Did you mean 'double'/],
  ];
  for (const [words, exit, message] of table) {
    const { exitCode, stdout, stderr } = await cli(words);
    assert.match(stderr, message, words.join(' '));
    assert.equal(exitCode, exit, words.join(' '));
    assert.equal(stdout, '');
  }
});

test('a fan-out prints each answer as it comes and tells who failed and who was silent', async () => {
  const { exitCode, stdout, stderr } = await cli(['call', 'moody', '--all', '--timeout', '200ms', '--json']);
  assert.equal(exitCode, 3);
  const lines = linesOf(stdout);
  const nodes = { w1: 'ok', w2: 'failed', w3: 'silent' };
  assert.deepEqual(lines.at(-1), { expected: 3, ok: 1, failed: 1, silent: 1, nodes });
  assert.equal(lines.length, 4);
  assert.doesNotMatch(stdout.replaceAll('\n', ''), /\p{Cc}/u);
  assert.equal(stderr, '1 of 3 ok, 1 failed (w2), 1 silent (w3)\n');
  const quorum = await cli(['call', 'moody', '--to', 'w1,w2', '--quorum', '50%', '--quiet']);
  assert.equal(quorum.exitCode, 0);
  assert.equal(quorum.stderr, '');
  assert.equal((await cli(['call', 'double', 'x', '--where', 'tag.zone=a'])).exitCode, 0);
  assert.equal((await cli(['call', 'moody', '--to', 'w1,w2'])).exitCode, 1);
});

test('--dry-run prints who would be meant', async () => {
  assert.equal(
    (await cli(['call', 'double', '--where', 'tag.zone=a', '--dry-run'])).stdout.split('\n').sort().join(),
    ',w1,w2',
  );
  assert.deepEqual(linesOf((await cli(['map', 'value', '--dry-run', '--json'])).stdout), [
    { type: 'value', nodes: ['w3'] },
  ]);
  assert.equal((await cli(['emit', 'note', '--to', 'w?', '--dry-run'])).stdout.trimEnd().split('\n').length, 3);
});

test('events reach whom they are for, one per line of stdin', async () => {
  const once = await cli(['emit', 'note', 'one', '--to', 'w1', '--json']);
  assert.deepEqual(linesOf(once.stdout), [{ expected: 1, sent: 1, failed: 0, silent: 0, nodes: { w1: 'sent' } }]);
  const many = await cli(['emit', 'note'], { input: '{"n":1}\n\n{"n":2}\ntext\n', stdinKind: 'pipe' });
  assert.equal(many.exitCode, 0);
  assert.match(many.stderr, /^3 events: 1 of 1 sent\n$/);
  // The same connection carries it: when this is answered, the events before it have arrived.
  await cli(['call', 'double', 'x', '--to', 'w1']);
  assert.deepEqual(received, ['one', { n: 1 }, { n: 2 }, 'text']);
  assert.equal((await cli(['emit', 'unheard'])).exitCode, 4);
});

test('map gives one line for each input, and nothing else on stdout', async () => {
  const input = Array.from({ length: 50 }, (_, index) => `i${index}\n`).join('');
  const { exitCode, stdout, stderr } = await cli(['map', 'double', '-k'], { input });
  assert.equal(exitCode, 0);
  const lines = linesOf(stdout);
  assert.deepEqual(
    lines.map(({ index }) => index),
    Array.from({ length: 50 }, (_, index) => index),
  );
  assert.deepEqual(
    lines.map(({ payload }) => payload),
    Array.from({ length: 50 }, (_, index) => `i${index}i${index}`),
  );
  assert.match(stderr, /^50 of 50 ok in /);
  const failing = await cli(['map', 'moody', '--timeout', '100ms', '--retries', '0'], { input: 'a\nb\nc\nd\ne\nf\n' });
  assert.equal(linesOf(failing.stdout).length, 6);
  assert.notEqual(failing.exitCode, 0);
});

test('without the leader, its collaborators tell what they know', async () => {
  await leader.stop();
  const { exitCode, stdout } = await cli(['status', '--json']);
  assert.equal(exitCode, 0);
  const views = JSON.parse(stdout) as { view?: string; nodes: { node: string; leader: { connected: boolean } }[] };
  assert.equal(views.view, 'collaborators');
  assert.deepEqual(
    views.nodes.map(({ node, leader: { connected } }) => [node, connected]),
    [
      ['w1', false],
      ['w2', false],
      ['w3', false],
    ],
  );
  assert.match((await cli(['status', 'w2'])).stdout, /^not connected for .*\nnode +w2 \(collaborator/);
  const check = await cli(['status', '--check']);
  assert.deepEqual(check, { exitCode: 1, stdout: 'not healthy: w1, w2, w3 not connected to the leader\n', stderr: '' });
});
