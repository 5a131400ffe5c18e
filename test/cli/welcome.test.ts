import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Welcome, welcomeLines } from '../../src/cli/lead/welcome.js';
import { displayWidth } from '../../src/cli/table.js';

const WIDTH = 60;
const INVITATION = { token: `nmtk-1-c-${'a'.repeat(100)}`, uses: 100, ttlMs: 86_400_000 };
const LOCAL: Welcome = {
  leader: 'leader',
  cluster: 'default',
  address: 'wss://127.0.0.1:7700',
  invitation: INVITATION,
  width: WIDTH,
};

test('on a narrow terminal every line of a welcome is broken at words, but the one to paste', () => {
  for (const welcome of [LOCAL, { ...LOCAL, invitation: undefined }, { ...LOCAL, address: 'ws://127.0.0.1:7700' }]) {
    for (const line of welcomeLines(welcome).flatMap((text) => text.split('\n'))) {
      assert.ok(displayWidth(line) <= WIDTH || line.startsWith('join it with:'), line);
    }
  }
});

test('what is to be pasted stands on one line, whatever the width', () => {
  const [paste] = welcomeLines(LOCAL).filter((line) => line.startsWith('join it with:'));
  assert.equal(paste, `join it with:  netmgr join 127.0.0.1:7700 --token ${INVITATION.token}`);
});

test('only an address that other hosts do not reach is remarked on', () => {
  const remark = (address: string) =>
    welcomeLines({ ...LOCAL, address }).some((line) => line.includes('only this host'));
  assert.deepEqual(['wss://127.0.0.1:7700', 'wss://localhost:7700', 'wss://192.0.2.10:7700'].map(remark), [
    true,
    true,
    false,
  ]);
});
