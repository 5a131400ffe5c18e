import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseBindings } from '../../../src/cli/script/binding.js';
import type { ScriptHandlers } from '../../../src/cli/script/script-handlers.js';
import { Scripts } from './fixture.js';

const scripts = new Scripts();
const canary = join(scripts.directory, 'canary');
const LANES = 4;

const touch = `touch ${canary}`;
const CLASSICS: readonly string[] = [
  `; ${touch}`,
  `\n${touch}\n`,
  `&& ${touch}`,
  `| ${touch}`,
  `& ${touch} &`,
  `$(${touch})`,
  `\`${touch}\``,
  `"; ${touch}; "`,
  `'; ${touch}; '`,
  `"$(${touch})"`,
  `$(touch\${IFS}${canary})`,
  `() { :; }; ${touch}`,
  `x=$(${touch}) #`,
  `>(${touch})`,
  `> ${canary}`,
  `-oProxyCommand=${touch}`,
  '--help',
  '-rf /',
  '../../../../etc/passwd',
  `%s%n%x`,
  `\0; ${touch}`,
  `\\"; ${touch}`,
  `\u2028${touch}`,
  `a\r\n${touch}`,
];

/** Prints its own argv as the kernel has it, its environment, and then its stdin: no shell is near. */
const look = (): ScriptHandlers => {
  const [binding] = parseBindings({ on: ['look=cat /proc/self/cmdline /proc/self/environ -'] });
  assert.ok(binding);
  return scripts.handlers([binding], { environment: { PATH: process.env['PATH'] } });
};
const ARGV = 'cat\0/proc/self/cmdline\0/proc/self/environ\0-\0';

/** Everything but the payload is the same for every message of one id. */
async function check(handlers: ScriptHandlers, before: string, payload: string): Promise<void> {
  const output = await scripts.call(handlers, payload, { id: 'same' });
  assert.ok(typeof output === 'string');
  assert.equal(output.slice(0, before.length), before, 'argv and environment do not depend on the payload');
  assert.equal(output.slice(before.length), payload.replace(/\r?\n$/, ''), 'stdin is the payload');
}

async function inLanes(payloads: readonly string[], run: (payload: string) => Promise<void>): Promise<void> {
  const left = [...payloads];
  const lane = async (): Promise<void> => {
    for (let payload = left.pop(); payload !== undefined; payload = left.pop()) await run(payload);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

const onLinux = {
  skip: process.platform === 'linux' ? false : 'needs /proc: what a process was given is not seen here',
};

test('shell-injection classics and 2,000 fuzzed payloads reach stdin and nothing else', onLinux, async () => {
  const handlers = look();
  const before = (await scripts.call(handlers, '', { id: 'same' })) as string;
  assert.ok(before.startsWith(ARGV), before);
  const piece = fc.constantFrom(...CLASSICS, ...`;|&$()<>\`"'\\ \n\t*?[]{}~#!=%-\0\u001bé😀`, 'x', touch);
  const fuzzed = fc.sample(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    2_000,
  );
  await inLanes([...CLASSICS, ...fuzzed], (payload) => check(handlers, before, payload));
  assert.equal(existsSync(canary), false, 'nothing was executed');
  assert.deepEqual(readdirSync(scripts.directory), []);
});

test('a script under sh sees the payload as data too', async () => {
  const handlers = scripts.sh('cat; echo " argc=$#"');
  for (const payload of CLASSICS) {
    assert.equal(await scripts.call(handlers, `:${payload}`), `:${payload} argc=0`);
  }
  assert.equal(existsSync(canary), false, 'nothing was executed');
});

test('a payload in a file is in the file, and its path is not made of it', async () => {
  const handlers = scripts.handlers([
    { payload: 'file', argv: ['sh', '-c', 'echo "$NETMGR_PAYLOAD_FILE"; cat "$NETMGR_PAYLOAD_FILE"'] },
  ]);
  for (const payload of CLASSICS) {
    const output = (await scripts.call(handlers, payload, { id: '..' })) as string;
    const [path, ...rest] = output.split('\n');
    assert.match(path ?? '', /\/netmgr-payload-[A-Za-z0-9]{6}\/\d+$/);
    assert.equal(rest.join('\n'), payload.replace(/\r?\n$/, ''));
  }
  assert.equal(existsSync(canary), false, 'nothing was executed');
});
