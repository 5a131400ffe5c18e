import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../src/base/clock.js';
import { isNetworkError } from '../../src/base/errors.js';
import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { type Handler, handle } from '../../src/manager/handler.js';
import { InMemoryNetwork } from '../../src/network/memory/in-memory-network.js';
import { Collaborator } from '../../src/role/collaborator.js';
import { Leader } from '../../src/role/leader.js';
import { Operator } from '../../src/role/operator.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

/** What simulations found, each in its smallest form. */
function makeCluster(seed = 1) {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const hub = new InMemoryNetwork({ clock, random: random.fork('hub'), faults: { baseDelayMs: 20, jitter: 1 } });
  const dialling = { network: hub.factory({ dial: 'leader' }), clock, version: '0.0.0' };
  const leader = new Leader({
    name: 'leader',
    cluster: 'lab',
    network: hub.factory(),
    clock,
    random: random.fork('leader'),
    version: '0.0.0',
  });
  return {
    clock,
    hub,
    leader,
    operator: new Operator({ ...dialling, name: 'op', random: random.fork('op') }),
    collaborator: (name: string, handlers: readonly Handler[]) =>
      new Collaborator({ ...dialling, name, random: random.fork(name), handlers }),
  };
}

test('a client whose old connection still looks open to the leader is let in again', async () => {
  // In some of these the new hello overtakes the news that the old connection has ended.
  for (let seed = 1; seed <= 20; seed += 1) {
    const { clock, hub, leader, operator } = makeCluster(seed);
    await leader.start();
    void operator.start();
    await clock.advance(500);
    hub.partition('op', 'leader', { oneWay: true });
    await clock.advance(12_000);
    hub.healPartition('op', 'leader', { oneWay: true });
    await clock.advance(5000);
    const status = operator.status();
    await clock.advance(500);
    assert.equal((await status).cluster, 'lab');
    await Promise.all([operator.stop(), leader.stop(), clock.advance(5000)]);
    assert.equal(clock.pending, 0);
  }
});

test('work that a stop cuts off is not given to another node', async () => {
  const { clock, leader, operator, collaborator } = makeCluster();
  const begun: string[] = [];
  const long = handle('long', {}, async (_payload, { node, clock: time }) => {
    begun.push(node);
    await sleep(time, 3000);
  });
  const nodes = new Map(['w1', 'w2'].map((name) => [name, collaborator(name, [long])]));
  await leader.start();
  void operator.start();
  for (const node of nodes.values()) await node.start();
  await clock.advance(500);
  let code: string | undefined;
  operator.call('long', 1, { timeoutMs: 20_000 }).catch((error) => {
    code = isNetworkError(error) ? error.code : String(error);
  });
  await clock.advance(100);
  void nodes.get(begun[0] ?? '')?.stop();
  await clock.advance(6000);
  assert.equal(begun.length, 1, `begun on ${begun.join(' and ')}`);
  assert.equal(code, 'CLOSED');
  for (const node of nodes.values()) void node.stop();
  await Promise.all([operator.stop(), leader.stop(), clock.advance(9000)]);
  assert.equal(clock.pending, 0);
});
