import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { SystemClock } from '../../src/base/clock.js';
import { createCollaborator, createLeader } from '../../src/index.js';
import { type Handler, handle } from '../../src/manager/handler.js';
import type { WebSocketLimits } from '../../src/network/websocket/options.js';
import type { Collaborator } from '../../src/role/collaborator.js';
import type { Leader } from '../../src/role/leader.js';
import { helloPayload, Stranger, until } from '../network/websocket-nodes.js';

export interface ArenaOptions {
  readonly limits?: Partial<WebSocketLimits>;
  readonly handlers?: readonly Handler[];
}

export interface SocketOptions {
  readonly localAddress?: string;
  readonly subprotocol?: string;
}

/** A real leader on a real port, an honest collaborator beside it, and whatever a test sends against them. */
export class Arena implements AsyncDisposable {
  readonly leader: Leader;
  readonly honest: Collaborator;
  readonly #clock: SystemClock;
  readonly #sockets: WebSocket[] = [];
  readonly #raw: Socket[] = [];
  #asked = 0;

  private constructor(clock: SystemClock, leader: Leader, honest: Collaborator) {
    this.#clock = clock;
    this.leader = leader;
    this.honest = honest;
  }

  static async open(options: ArenaOptions = {}): Promise<Arena> {
    const { limits, handlers = [] } = options;
    const clock = new SystemClock();
    const ping = handle('ping', {}, (payload) => payload);
    const typed = handle('typed', { input: z.object({ width: z.number() }) }, ({ width }) => width);
    const leader = await createLeader({
      clock,
      limits,
      plaintext: true,
      listen: { port: 0 },
      handlers: [ping, typed, ...handlers],
    });
    const echo = handle('echo', {}, (payload) => payload);
    const honest = await createCollaborator({
      clock,
      limits,
      leader: leader.address,
      name: 'honest',
      handlers: [echo],
    });
    const arena = new Arena(clock, leader, honest);
    await until(() => leader.status().counts.alive === 1, 'the honest member to be alive');
    return arena;
  }

  get port(): number {
    return Number(new URL(this.leader.address).port);
  }

  counter(name: string): number {
    const count = this.leader.status().leader.counters[name];
    if (count === undefined) throw new Error(`no counter is called ${name}`);
    return count;
  }

  status(node: string): string | undefined {
    return this.leader.status().nodes.find((row) => row.node === node)?.status;
  }

  /** A WebSocket that is open and has said nothing. */
  async socket(options: SocketOptions = {}): Promise<WebSocket> {
    const { subprotocol = 'netmgr.v1.json', localAddress } = options;
    const address = localAddress === undefined ? {} : { localAddress };
    const socket = new WebSocket(`${this.leader.address}/`, [subprotocol], { ...address, perMessageDeflate: false });
    socket.on('error', () => {});
    this.#sockets.push(socket);
    await once(socket, 'open');
    return socket;
  }

  async stranger(self: string): Promise<Stranger> {
    return new Stranger(await this.socket(), self);
  }

  /** A hand-made peer that was welcomed. */
  async member(self: string, role = 'collaborator'): Promise<Stranger> {
    const stranger = await this.stranger(self);
    stranger.say({ kind: 'control', type: 'hello', payload: helloPayload({ role, instance: `of-${self}` }) });
    await until(() => stranger.messages.some(({ type }) => type === 'welcome'), 'the welcome');
    return stranger;
  }

  tcp(localAddress?: string): Socket {
    const socket = connect({
      host: '127.0.0.1',
      port: this.port,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    socket.on('error', () => {});
    this.#raw.push(socket);
    return socket;
  }

  /** Both ways: the leader asks the honest member, and the honest member the leader. */
  async assertHonestServed(): Promise<void> {
    this.#asked += 1;
    const payload = { asked: this.#asked, text: 'ü€' };
    assert.deepEqual(await this.leader.request('echo', payload, { to: 'honest' }), payload);
    assert.deepEqual(await this.honest.request('ping', payload), payload);
    assert.equal(this.status('honest'), 'alive');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    for (const socket of this.#raw) socket.destroy();
    await this.honest.stop({ graceMs: 50 });
    await this.leader.stop({ graceMs: 50 });
    assert.equal(this.#clock.pending, 0, 'timers left after stop');
  }
}

/** What was answered to a message: code and text of the error, or the payload of the response. */
export async function answerTo(stranger: Stranger, id: string): Promise<{ code?: unknown; message?: unknown }> {
  const find = () => stranger.messages.find((message) => message.re === id);
  await until(() => find() !== undefined, `an answer to ${id}`);
  return find()?.payload ?? {};
}
