import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseBindings } from '../../../src/cli/script/binding.js';
import type { ScriptHandlers } from '../../../src/cli/script/script-handlers.js';
import { Scripts } from './fixture.js';

export const scripts: Scripts = new Scripts();
export const canary: string = join(scripts.directory, 'canary');
const LANES = 4;

const touch = `touch ${canary}`;
export const CLASSICS: readonly string[] = [
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

/** @param count of payloads that are put together of odd pieces, each given to a process of its own */
export function testInjection(count: number): void {
  test(`shell-injection classics and ${count} fuzzed payloads reach stdin and nothing else`, onLinux, () =>
    inject(count),
  );
}

async function inject(count: number): Promise<void> {
  const handlers = look();
  const before = (await scripts.call(handlers, '', { id: 'same' })) as string;
  assert.ok(before.startsWith(ARGV), before);
  const piece = fc.constantFrom(...CLASSICS, ...`;|&$()<>\`"'\\ \n\t*?[]{}~#!=%-\0\u001bé😀`, 'x', touch);
  const fuzzed = fc.sample(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    count,
  );
  await inLanes([...CLASSICS, ...fuzzed], (payload) => check(handlers, before, payload));
  assert.equal(existsSync(canary), false, 'nothing was executed');
  assert.deepEqual(readdirSync(scripts.directory), []);
}
