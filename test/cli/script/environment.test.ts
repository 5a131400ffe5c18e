import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScriptOptions } from '../../../src/cli/script/script-handlers.js';
import { type MessageOptions, rejectsWith, Scripts } from './fixture.js';

const scripts = new Scripts();

interface Run {
  readonly options?: Partial<ScriptOptions>;
  readonly env?: readonly string[];
  readonly message?: MessageOptions;
}

/** What `env` prints, without what the shell or the loader adds. */
async function environmentOf({ options, env = [], message }: Run): Promise<Record<string, string>> {
  const handlers = scripts.handlers([{ type: 'show.env', argv: ['env'], env }], options);
  const lines = ((await scripts.call(handlers, undefined, message)) as string).split('\n');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

const PATH = process.env['PATH'] ?? '';

test('what is known of the message, and nothing else but the allow-list', async () => {
  const environment = {
    PATH,
    HOME: '/home/h',
    LANG: 'C',
    TZ: 'UTC',
    TMPDIR: '/t',
    SECRET: 's',
    NETMGR_TOKEN: 't',
    LD_PRELOAD: '',
    EDITOR: 'ed',
  };
  const seen = await environmentOf({
    options: { environment, tags: { gpu: '1', 'zone.a-b': 'x y' } },
    env: ['EDITOR', 'NOT_SET'],
    message: { id: 'e-7', kind: 'event', from: 'w9', attempt: 3, remainingMs: 1234.9 },
  });
  assert.deepEqual(seen, {
    PATH,
    HOME: '/home/h',
    LANG: 'C',
    TZ: 'UTC',
    TMPDIR: '/t',
    EDITOR: 'ed',
    NETMGR_TYPE: 'show.env',
    NETMGR_ID: 'e-7',
    NETMGR_KIND: 'event',
    NETMGR_NODE: 'w1',
    NETMGR_FROM: 'w9',
    NETMGR_ATTEMPT: '3',
    NETMGR_DEADLINE_MS: '1234',
    NETMGR_TAG_GPU: '1',
    NETMGR_TAG_ZONE_A_B: 'x y',
  });
});

test('no deadline, no NETMGR_DEADLINE_MS; what is not set is not there', async () => {
  const seen = await environmentOf({ options: { environment: { PATH } } });
  assert.deepEqual(Object.keys(seen).sort(), [
    'NETMGR_ATTEMPT',
    'NETMGR_FROM',
    'NETMGR_ID',
    'NETMGR_KIND',
    'NETMGR_NODE',
    'NETMGR_TYPE',
    'PATH',
  ]);
});

test('tags that cannot be told apart, or not be told at all, are refused at the start', () => {
  assert.throws(
    () => scripts.handlers([{ argv: ['env'] }], { tags: { 'a.b': '1', 'a-b': '2' } }),
    /--tag a-b: shares the variable NETMGR_TAG_A_B with 'a\.b'/,
  );
  assert.throws(() => scripts.handlers([{ argv: ['env'] }], { tags: { a: 'x\0' } }), /--tag a: has a value with a NUL/);
});

test('the PATH that counts is the one that the script has', async () => {
  const nowhere = scripts.handlers([{ argv: ['env'] }], { environment: { PATH: scripts.directory } });
  await rejectsWith(scripts.call(nowhere), 'HANDLER_FAILED', /'env', .* is missing/);
});
