import assert from 'node:assert/strict';
import { test } from 'node:test';
import { payloadOf } from '../../src/message/raw-payload.js';
import { ChaosProxy } from '../../src/testing/chaos-proxy.js';
import { assertNothingLeft } from '../leaks.js';
import { Nodes, until } from '../network/websocket-nodes.js';

assertNothingLeft();

/** A leader, a proxy before it, and a member that came through the proxy. */
async function throughProxy(nodes: Nodes) {
  const leader = await nodes.leader();
  const proxy = new ChaosProxy({ target: { host: '127.0.0.1', port: leader.port } });
  await proxy.start();
  const member = await nodes.dialler('w1', proxy.port);
  await until(() => member.network.upstream !== undefined, 'the member to be connected');
  return { leader, proxy, member };
}

test('WebSocket: what waited behind a partition arrives in order; a cut is a lost connection, and it comes back', async () => {
  await using nodes = new Nodes();
  const { leader, proxy, member } = await throughProxy(nodes);
  await using _ = proxy;
  proxy.partition({ oneWay: 'up' });
  for (let i = 0; i < 5; i += 1) member.send({ to: 'leader', payload: i });
  leader.send({ to: 'w1', payload: 'down' });
  await until(() => member.received.length === 1, 'what goes down');
  assert.equal(leader.received.length, 0);
  proxy.healPartition();
  await until(() => leader.received.length === 5, 'what waited');
  assert.deepEqual(leader.received.map(payloadOf), [0, 1, 2, 3, 4]);

  assert.equal(proxy.cut(), 1);
  await until(() => leader.seen('connected').length === 2, 'the member to be back');
  const [lost] = leader.seen('disconnected');
  assert.equal(lost?.left, false);
});

test('WebSocket: damaged bytes are refused, and cost the connection at most', async () => {
  await using nodes = new Nodes();
  const { leader, proxy, member } = await throughProxy(nodes);
  await using _ = proxy;
  const end = proxy.inject({ kind: 'faults', faults: { corruptRate: 1 }, from: 'client' });
  const payload = 'x'.repeat(100);
  // A flipped bit may leave a message whole that says something else: that is what TLS is for.
  for (
    let i = 0;
    leader.seen('disconnected').length === 0 && leader.network.counters['invalidMessages'] === 0;
    i += 1
  ) {
    member.send({ to: 'leader', payload: `${payload}${i}` });
    await until(() => member.network.upstream === undefined || leader.received.length + refusals() > i, 'an end');
  }
  function refusals(): number {
    const { framingErrors = 0, invalidMessages = 0 } = leader.network.counters;
    return framingErrors + invalidMessages;
  }
  end.end();
  assert.ok(refusals() >= 1);
});
