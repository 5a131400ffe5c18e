import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { CLASSICS, canary, scripts, testInjection } from './injection.js';

// 10,000 of them: injection.long.ts.
testInjection(500);

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
