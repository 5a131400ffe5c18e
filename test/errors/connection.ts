import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { connectOperator, createLeader, Endpoint, ReliableNetwork } from '../../src/index.js';
import { InMemoryNetwork } from '../../src/network/memory/in-memory-network.js';
import { Nodes, until } from '../network/websocket-nodes.js';
import { freePort } from './free-port.js';
import { failureOf, type Produced, type Productions } from './production.js';

export const CONNECTION: Productions = {
  CONNECTION_FAILED: async ({ clock }) => {
    const address = `127.0.0.1:${await freePort()}`;
    const error = await failureOf(connectOperator({ clock, address, plaintext: true }));
    return { error, names: [address] };
  },

  CLOSED: async (place) => {
    const member = await place.member('w2');
    member.socket.on('message', (data) => {
      if (String(data).includes('"odd"')) member.socket.terminate();
    });
    return { error: await failureOf(place.leader.request('odd', null, { to: 'w2' })), names: ['w2'] };
  },

  UNREACHABLE: async (place) => {
    const member = await place.member('w3');
    member.socket.terminate();
    const isLost = () => place.leader.status().nodes.some(({ node, status }) => node === 'w3' && status === 'lost');
    await until(isLost, 'w3 to be lost');
    return { error: await failureOf(place.leader.request('odd', null, { to: 'w3' })), names: ['w3'] };
  },

  PARTITIONED: () => apart((hub) => hub.partition('a', 'b', { reject: true }), ['a', 'b']),

  NODE_FAILED: () => apart((hub) => hub.failNode('b', { reject: true }), ['b']),

  BACKPRESSURE: async (place) => {
    const limits = { windowBytes: 16_384, maxQueuedBytes: 65_536 };
    const { clock } = place;
    const leader = place.adopt(await createLeader({ clock, plaintext: true, listen: { port: 0 }, limits }));
    const member = await place.member('w4', leader);
    member.socket.pause();
    const payload = 'x'.repeat(32_768);
    const asked = [1, 2, 3, 4].map(() => failureOf(leader.request('odd', payload, { to: 'w4', timeoutMs: 60_000 })));
    return { error: await Promise.race(asked), names: ['w4'] };
  },

  SLOW_PEER: async () => {
    await using nodes = new Nodes();
    const leader = await nodes.leader({ limits: { stallMs: 200, sweepMs: 50 } });
    const slow = await nodes.stranger('w5', leader.port);
    slow.socket.pause();
    leader.send({ to: 'w5', payload: 'x'.repeat(65_536) });
    await until(() => leader.seen('disconnected').length > 0, 'w5 to be dropped');
    return { error: leader.seen('disconnected')[0]?.error, names: ['w5', '127.0.0.1:'] };
  },

  TIMEOUT: async ({ leader }) => {
    const error = await failureOf(leader.request('silent', null, { to: 'w1', timeoutMs: 20 }));
    return { error, names: ["'silent'", 'w1', '20 ms'], shown: { silent: 'resize' } };
  },

  RETRIES_EXHAUSTED: async () => {
    await using nodes = new Nodes();
    const network = await reliable(nodes);
    return { error: await failureOf(network.request({ type: 'get', to: 'db' })), names: ["'get'", 'db', '3 tries'] };
  },

  CIRCUIT_OPEN: async () => {
    await using nodes = new Nodes();
    const network = await reliable(nodes);
    const ask = () => failureOf(network.request({ type: 'get', to: 'db' }, { maxRetries: 0 }));
    for (let asked = 0; asked < 5; asked += 1) await ask();
    return { error: await ask(), names: ['db', ' ms'] };
  },

  CANCELLED: async ({ leader }) => {
    const controller = new AbortController();
    const asked = failureOf(leader.request('silent', null, { to: 'w1', signal: controller.signal }));
    controller.abort();
    return { error: await asked, names: ["'silent'"], shown: { silent: 'resize' } };
  },

  STOPPED: async ({ clock }) => {
    await using nodes = new Nodes();
    const { network } = await nodes.leader();
    const endpoint = new Endpoint({ network, clock });
    await endpoint.stop();
    return { error: await failureOf(endpoint.request({ type: 'get', to: 'db' })), names: ['leader'] };
  },
};

/** Two connected nodes, between which something comes; `a` is asked by `b`. */
async function apart(part: (hub: InMemoryNetwork) => void, names: readonly string[]): Promise<Produced> {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const hub = new InMemoryNetwork({ clock, random });
  const b = new Endpoint({ network: hub.node('b', { listen: true }), clock, random });
  const a = new Endpoint({ network: hub.node('a', { dial: 'b' }), clock, random });
  await Promise.all([b.start(), a.start()]);
  await clock.runUntil(() => a.peers.size > 0, { limitMs: 60_000 });
  part(hub);
  const error = await failureOf(a.request({ type: 'get', to: 'b' }));
  let stopped = false;
  void Promise.all([a.stop({ graceMs: 0 }), b.stop({ graceMs: 0 })]).then(() => {
    stopped = true;
  });
  await clock.runUntil(() => stopped, { limitMs: 60_000 });
  return { error, names };
}

/** Over a network that listens, to which nobody has come. */
async function reliable(nodes: Nodes): Promise<ReliableNetwork> {
  const { network, clock } = await nodes.leader();
  return new ReliableNetwork(new Endpoint({ network, clock }), { clock, maxRetries: 2, initialBackoff: 1 });
}
