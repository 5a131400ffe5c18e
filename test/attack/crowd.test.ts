import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { createCollaborator } from '../../src/index.js';
import { assertNothingLeft } from '../leaks.js';
import { until } from '../network/websocket-nodes.js';
import { Arena } from './arena.js';

assertNothingLeft();

const CROWD = 2_000;
const ADDRESSES = 250;
/** The deadline, the half second in which it is noticed, and 3 x slack for a busy machine. */
const GONE_WITHIN_MS = 3 * 6_000;
const HALF_AN_UPGRADE = 'GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n';

test('2,000 sockets that say nothing, or half of it, are gone in time, and an honest member joins meanwhile', {
  skip: process.platform === 'linux' ? false : 'only Linux has all of 127.0.0.0/8 for source addresses',
}, async () => {
  await using arena = await Arena.open();
  const startedAt = performance.now();
  const crowd: Socket[] = [];
  while (crowd.length < CROWD) {
    // One from each address at a time: more than the backlog holds would be dialled again by the kernel a second later.
    for (let i = 0; i < ADDRESSES; i += 1) crowd.push(silent(arena, crowd.length));
    await until(() => crowd.every(({ connecting }) => !connecting), 'the kernel to have accepted them');
  }
  // No more than 512 may wait to authenticate: the oldest make room.
  await until(() => arena.counter('unauthenticatedReplaced') >= CROWD - 512, 'the crowd to be there');
  await arena.assertHonestServed();
  const late = await createCollaborator({ leader: arena.leader.address, name: 'late' });
  assert.ok(performance.now() - startedAt < GONE_WITHIN_MS);
  await until(() => arena.status('late') === 'alive', 'the late one to be alive');
  while (crowd.some(({ destroyed }) => !destroyed)) {
    assert.ok(performance.now() - startedAt < GONE_WITHIN_MS, `${open(crowd)} sockets are still open`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const ended = ['handshakeTimeouts', 'unauthenticatedReplaced', 'unauthenticatedRefused'];
  assert.equal(ended.reduce((sum, name) => sum + arena.counter(name), 0) >= CROWD, true);
  await arena.assertHonestServed();
  await late.stop({ graceMs: 50 });
});

const open = (crowd: readonly Socket[]): number => crowd.filter(({ destroyed }) => !destroyed).length;

/** Half of them says nothing at all, half of them half an upgrade. */
function silent(arena: Arena, index: number): Socket {
  const socket = arena.tcp(`127.0.1.${1 + (index % ADDRESSES)}`);
  socket.resume();
  if (index % 2 === 0) socket.once('connect', () => socket.write(HALF_AN_UPGRADE));
  return socket;
}
