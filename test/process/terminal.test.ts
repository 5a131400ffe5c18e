import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { displayWidth } from '../../src/cli/table.js';
import { run } from '../cli/fake-environment.js';
import { assertNothingLeft } from '../leaks.js';
import { writeHandlers } from './handlers.js';
import { assertTame, jsonLines, Sandbox } from './harness.js';
import { noTerminal, onTerminal } from './terminal.js';

const sandbox = new Sandbox();
after(() => sandbox[Symbol.asyncDispose]());
assertNothingLeft();

const XTERM = { TERM: 'xterm-256color' };
/** Escapes are told apart from text by a letter that stands for them. */
const marked = (text: string) => text.replaceAll('\x1b', '␛');
/** Where the text of doctor's findings begins. */
const FINDING_COLUMN = 19;
const COLOUR = /␛\[[\d;]*m/g;
const plain = (text: string) => marked(text).replaceAll(COLOUR, '').replaceAll('\r\n', '\n');

function assertFits(text: string, columns: number): void {
  for (const line of plain(text).split('\n')) assert.ok(displayWidth(line) <= columns, `${line.length}: ${line}`);
}

describe('on a terminal', { skip: noTerminal }, () => {
  before(async () => {
    const { module } = writeHandlers(sandbox);
    await sandbox.lead();
    await sandbox.join('a-node-with-quite-a-long-name', ['--handlers', module, '--tag', 'zone=a', '--slots', '2']);
  });
  const on = (columns: number, words: readonly string[], env = {}) =>
    sandbox.run(words, { through: onTerminal(sandbox, columns), env: { ...XTERM, ...env } });

  test('tables are coloured and fit; NO_COLOR, FORCE_COLOR and a dumb terminal are obeyed', async () => {
    await Promise.all(
      [120, 80, 60, 40].map(async (columns) => {
        const { code, stdout } = await on(columns, ['status']);
        assert.equal(code, 0);
        assert.match(marked(stdout), COLOUR);
        assertFits(stdout, columns);
        assertTame(plain(stdout));
      }),
    );
    const [none, dumb, zero, forced, piped] = await Promise.all([
      on(80, ['status'], { NO_COLOR: '1' }),
      on(80, ['status'], { TERM: 'dumb' }),
      on(0, ['status']),
      sandbox.run(['status'], { env: { FORCE_COLOR: '1' } }),
      sandbox.run(['status']),
    ]);
    assert.doesNotMatch(marked(none.stdout), COLOUR);
    assert.doesNotMatch(marked(dumb.stdout), COLOUR);
    assert.match(plain(zero.stdout), /NODE +STATUS +BUSY +HANDLERS/);
    assertFits(zero.stdout, 80);
    assert.match(marked(forced.stdout), COLOUR);
    assert.doesNotMatch(marked(piped.stdout), COLOUR);
  });

  test('prose is broken at spaces, and what is to be copied or compared stays whole', async () => {
    const [checks, explained, authority] = await Promise.all([
      on(60, ['doctor']),
      on(60, ['doctor', 'explain', 'NOT_ALLOWED']),
      on(40, ['ca', 'show']),
    ]);
    assertFits(explained.stdout, 60);
    for (const line of plain(checks.stdout).split('\n')) {
      assert.ok(displayWidth(line) <= 60 || !line.slice(FINDING_COLUMN).includes(' '), line);
    }
    assert.match(plain(authority.stdout), /^fingerprint +[a-z2-7]{52}$/m);
    await using empty = new Sandbox();
    const { ready } = await empty.lead();
    const { stdout } = await empty.run(['status'], { through: onTerminal(empty, 40), env: XTERM });
    assert.ok(
      plain(stdout).includes(`netmgr join ${ready.address.slice('wss://'.length)} --token-file FILE\n`),
      stdout,
    );
  });

  test('the help of every command fits 60 columns', async () => {
    const pages = [
      '',
      'lead',
      'join',
      'status',
      'call',
      'emit',
      'map',
      'nodes',
      'nodes evict',
      'invite',
      'invite create',
    ];
    pages.push('ca', 'ca rotate', 'doctor', 'doctor explain', 'config', 'config context', 'config context add');
    for (const page of pages) {
      const { exitCode, stdout } = await run([...page.split(' ').filter(Boolean), '--help'], { columns: 60 });
      assert.equal(exitCode, 0);
      // Examples are to be copied: they are never broken.
      assertFits(stdout.split('Examples:')[0] ?? '', 60);
    }
    // On a real one it is the same.
    const words = ['invite', 'create', '--help'];
    const [{ code, stdout }, here] = await Promise.all([on(60, words), run(words, { columns: 60 })]);
    assert.deepEqual([code, plain(stdout)], [0, plain(here.stdout)]);
  });

  test('what a handler answers or fails with moves no terminal', async () => {
    for (const words of [
      ['call', 'hostile'],
      ['call', 'fails'],
      ['call', 'hostile', '--json'],
      ['status', '--json'],
    ]) {
      const { stdout } = await on(80, words);
      assertTame(plain(stdout));
    }
    assert.equal((await on(80, ['call', 'hostile'])).stdout, 'a\\x1b[31m\\u202eb\\x07\\x9b2J\r\n');
    // A file gets what it is.
    assert.equal((await sandbox.run(['call', 'hostile'])).stdout, 'a\x1b[31m\u202eb\x07\x9b2J\n');
  });

  test('--watch is live, and ends at Ctrl-C; on a dumb terminal it prints one after the other', async () => {
    const watch = sandbox.start(['status', '--watch'], {
      through: onTerminal(sandbox, 80),
      env: XTERM,
      input: 'open',
    });
    await watch.said(/1 alive/, 'stdout');
    const late = await sandbox.join('late');
    await watch.said(/2 alive/, 'stdout');
    late.kill('SIGTERM');
    await watch.said(/1 left/, 'stdout');
    watch.child.stdin?.write('\x03');
    const { code, stdout } = await watch.exit;
    assert.equal(code, 0);
    assert.match(marked(stdout), /␛\[\?25h/);
    watch.child.stdin?.end();
    const dumb = sandbox.start(['status', '--watch'], {
      through: onTerminal(sandbox, 80),
      env: { TERM: 'dumb' },
      input: 'open',
    });
    await dumb.said(/1 alive/, 'stdout');
    dumb.child.stdin?.write('\x03');
    const ended = await dumb.exit;
    assert.equal(ended.code, 0);
    assert.doesNotMatch(marked(ended.stdout), /␛/);
  });

  test('map shows a bar that is gone at the end; none on a dumb terminal or with --quiet', async () => {
    const input = sandbox.file('input', '20\n'.repeat(60));
    const map = (env: object, ...words: string[]) =>
      sandbox.run(['map', 'slow', ...words], {
        through: [...onTerminal(sandbox, 80), 'sh', '-c', `"$@" <${input} >${sandbox.path('out')}`, 'sh'],
        env: { ...XTERM, ...env },
      });
    const bar = await map({});
    assert.equal(bar.code, 0);
    assert.match(marked(bar.stdout), /\r␛\[2K\[#+-+\] \d+\/60 {2}\d running/);
    assert.match(marked(bar.stdout), /\r␛\[2K60 of 60 ok in .*\r\n$/);
    assert.doesNotMatch(marked((await map({ TERM: 'dumb' })).stdout), /␛/);
    assert.equal((await map({}, '--quiet')).stdout, '');
  });

  test('the log of a role is for people on a terminal', async () => {
    const join = sandbox.start(['join', '--name', 'reader'], {
      through: onTerminal(sandbox, 100),
      env: XTERM,
      input: 'open',
    });
    await join.said(/\[\d\d:\d\d:\d\d\].*INFO.*joined/, 'stdout');
    join.child.stdin?.write('\x03');
    assert.equal((await join.exit).code, 0);
  });
});

test('--watch into a pipe prints a document for each change', async () => {
  await using own = new Sandbox();
  await own.lead();
  const watch = own.start(['status', '--watch', '--json']);
  await watch.said(/"counts"/, 'stdout');
  await own.join('w1');
  await watch.said(/"alive":1/, 'stdout');
  watch.kill('SIGTERM');
  const { code, stdout } = await watch.exit;
  assert.equal(code, 0);
  for (const line of jsonLines(stdout)) assert.equal(line['schema'], 1);
});
