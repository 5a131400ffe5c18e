import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createCollaborator } from '../../src/index.js';
import { until } from '../network/websocket-nodes.js';
import { recordClientHello } from './client-hello.js';
import { attackersAddress, Fortress } from './fortress.js';

const ADDRESSES = 250;
/** The deadline, the half second in which it is noticed, and 3 x slack for a busy machine. */
const GONE_WITHIN_MS = 3 * 6_000;
const UPGRADE =
  'GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const DRIP_MS = 100;

/** Each way to keep a leader waiting; `drip` is called now and then for as long as the socket lives. */
type Slowness = (fortress: Fortress, address: string, index: number) => Promise<Slow>;
interface Slow {
  readonly socket: Socket;
  readonly drip?: () => void;
}

function slownesses(clientHello: Buffer): readonly Slowness[] {
  const silent: Slowness = async (fortress, address) => ({ socket: await fortress.tcp(address) });
  const slowHello: Slowness = async (fortress, address) => {
    const socket = await fortress.tcp(address);
    let at = 0;
    return {
      socket,
      drip: () => {
        if (at < clientHello.length - 1) socket.write(clientHello.subarray(at, at + 1));
        at += 1;
      },
    };
  };
  const noFinish: Slowness = async (fortress, address) => {
    const socket = await fortress.tcp(address);
    socket.write(clientHello);
    return { socket };
  };
  const noRequest: Slowness = async (fortress, address) => ({ socket: await fortress.tls({ localAddress: address }) });
  const slowUpgrade: Slowness = async (fortress, address) => {
    const socket = await fortress.tls({ localAddress: address });
    socket.write(UPGRADE);
    return { socket, drip: () => void socket.write('x: y\r\n') };
  };
  const noHello: Slowness = async (fortress, address) => {
    const socket = await fortress.tls({ localAddress: address });
    socket.write(`${UPGRADE}\r\n`);
    // Pings are no hello.
    return { socket, drip: () => void socket.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0])) };
  };
  const slowAnswer: Slowness = async (fortress, address, index) => {
    const guest = await fortress.guest(`slow-${index}`, address);
    await guest.challenged();
    return { socket: (guest.socket as unknown as { readonly _socket: Socket })._socket };
  };
  return [silent, slowHello, noFinish, silent, noRequest, slowUpgrade, noHello, slowAnswer];
}

/** So many sockets, each slow in one of seven ways, against one leader, into which an honest member joins meanwhile. */
export async function keepWaiting(size: number, t: TestContext): Promise<void> {
  await using fortress = await Fortress.open();
  const ways = slownesses(await recordClientHello());
  const token = await fortress.token();
  const startedAt = performance.now();
  const crowd: Slow[] = [];
  const ages: number[] = [];
  const refused = { count: 0 };
  const begin = async (index: number): Promise<void> => {
    const way = ways[index % ways.length] as Slowness;
    const bornAt = performance.now();
    // Those whom the leader has no room for are gone at once.
    const slow = await way(fortress, attackersAddress(Math.floor(index / ways.length)), index).catch(() => undefined);
    if (!slow) {
      refused.count += 1;
      return;
    }
    slow.socket.resume();
    slow.socket.on('error', () => {});
    slow.socket.once('close', () => ages.push(performance.now() - bornAt));
    if (slow.socket.closed) ages.push(performance.now() - bornAt);
    crowd.push(slow);
  };
  const drips = setInterval(() => {
    for (const { socket, drip } of crowd) if (!socket.destroyed) drip?.();
  }, DRIP_MS);
  for (let at = 0; at < size; at += ADDRESSES) {
    await Promise.all(Array.from({ length: ADDRESSES }, (_, i) => begin(at + i)));
  }
  const late = await createCollaborator({ leader: fortress.leader.address, name: 'late', token });
  await until(() => fortress.status('late') === 'alive', 'the late one to be alive');
  await fortress.assertHonestServed();
  while (crowd.some(({ socket }) => !socket.destroyed)) {
    assert.ok(performance.now() - startedAt < 2 * GONE_WITHIN_MS, 'sockets are still open');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  clearInterval(drips);
  assert.equal(crowd.length + refused.count, size);
  assert.ok(Math.max(...ages) < GONE_WITHIN_MS, `one was there for ${Math.max(...ages)} ms`);
  assert.ok(fortress.counter('handshakeTimeouts') > 100);
  t.diagnostic(`the oldest was ${Math.round(Math.max(...ages))} ms old; ${refused.count} were refused at once`);
  await fortress.assertHonestServed();
  await late.stop({ graceMs: 50 });
}
