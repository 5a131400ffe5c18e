import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { until } from '../network/websocket-nodes.js';
import { attackersAddress, Fortress, manyAddresses } from './fortress.js';
import { keepWaiting } from './slow-sockets.js';

assertNothingLeft();

test(
  '500 sockets, each slow in one of seven ways, are gone in time, and an honest member joins meanwhile',
  manyAddresses,
  (t) => keepWaiting(500, t),
);

test('who completes the upgrade and waits, again and again, from a few addresses keeps nobody out', {
  ...manyAddresses,
}, async () => {
  await using fortress = await Fortress.open({ limits: { maxUnauthenticated: 32, maxUnauthenticatedPerAddress: 8 } });
  let over = false;
  let waiting = 0;
  const wait = async (index: number): Promise<void> => {
    while (!over) {
      const guest = await fortress.guest(`slow-${index}`, attackersAddress(index % 4)).catch(() => undefined);
      if (guest === undefined) continue;
      waiting += 1;
      await new Promise((resolve) => guest.socket.once('close', resolve));
      waiting -= 1;
    }
  };
  const crowd = Array.from({ length: 32 }, (_, i) => wait(i));
  try {
    for (const name of ['late-1', 'late-2', 'late-3']) {
      await until(() => waiting === 32, 'all places to be taken');
      // By the first dial: it is refused if there is no room.
      await fortress.member(name);
    }
    assert.ok(fortress.counter('unauthenticatedReplaced') >= 3);
  } finally {
    over = true;
    await fortress[Symbol.asyncDispose]();
    await Promise.all(crowd);
  }
});
