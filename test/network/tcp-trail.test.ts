import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { AbortWatch } from '../../src/base/abort-watch.js';
import { NetworkError } from '../../src/base/errors.js';
import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { Trail } from '../../src/network/tcp/trail.js';
import { assertNothingLeft } from '../leaks.js';

const clock = new VirtualClock();
assertNothingLeft(clock);

test('the waits of any number of requests leave nothing at signals that outlive them', async () => {
  const watch = new AbortWatch<AbortController>((wait, signal) => wait.abort(signal.reason));
  const [stop, abort] = [new AbortController(), new AbortController()];
  const random = seededRandom(1);
  const make = () => new Trail({ clock, random, timeoutMs: 1000, signal: abort.signal, stopped: stop.signal, watch });
  const overdue = new NetworkError('TIMEOUT', 'overdue');
  const never = new Promise<never>(() => {});
  for (let i = 0; i < 100; i += 1) assert.equal(await make().until(Promise.resolve(i), overdue), i);
  assert.equal(watch.size, 0);

  const late = [make(), make()].map((trail) => assert.rejects(trail.until(never, overdue), { code: 'TIMEOUT' }));
  assert.deepEqual([getEventListeners(stop.signal, 'abort').length, watch.size], [1, 2]);
  await clock.advance(1000);
  await Promise.all(late);
  const pausing = make().pause();
  await clock.advance(1000);
  await pausing;
  assert.deepEqual([watch.size, clock.pending], [0, 0]);

  const given = assert.rejects(make().until(never, overdue), { code: 'CANCELLED' });
  abort.abort();
  await given;
  await assert.rejects(make().pause(), { code: 'CANCELLED' });
  stop.abort();
  await assert.rejects(make().pause(), { code: 'STOPPED' });
  assert.deepEqual([watch.size, clock.pending], [0, 0]);
});
