/**
 * A process of its own that throws mutated frames at a leader. Told over IPC by `AttackOrder`s, it answers each with an
 * `AttackReport`. Frames are made beforehand: what that costs is not the leader's burden.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { chance, integer, type Random, seededRandom } from '../../src/base/random.js';
import type { Codec } from '../../src/message/codec.js';
import { CODECS } from '../../src/message/codecs.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { helloPayload } from '../network/websocket-nodes.js';
import { Mutator } from './mutator.js';

export interface Target {
  readonly url: string;
  readonly seed: string;
}

/** With `frames`, prepare as many; with `one`, throw the next, of which there is no report; else throw all that are left. */
export interface AttackOrder {
  readonly target?: Target;
  readonly frames?: number;
  readonly one?: true;
}

export interface AttackReport {
  /** Frames so far. */
  readonly sent: number;
  /** Connections that the leader has ended so far. */
  readonly closed: number;
}

const LANES = 6;
/** Each lane rests this long after a frame: about 700 frames a second in all. */
const REST_MS = 8;
const FRAMES_PER_CONNECTION = 40;

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, REST_MS));

class Lane {
  readonly #url: string;
  readonly #random: Random;
  readonly #codec: Codec;
  readonly #self: string;
  readonly #localAddress: string;
  readonly #mutator: Mutator;
  #socket: WebSocket | undefined;
  #left = 0;
  #frames: Buffer[] = [];
  #thrown: Promise<void> = Promise.resolve();
  sent = 0;
  closed = 0;

  constructor({ url, seed }: Target, index: number) {
    this.#url = url;
    this.#random = seededRandom(`${seed} lane ${index}`);
    this.#codec = [...CODECS.values()][index % CODECS.size] as Codec;
    this.#self = `evil-${index}`;
    this.#localAddress = process.platform === 'linux' ? `127.0.0.${2 + index}` : '127.0.0.1';
    this.#mutator = new Mutator(this.#random.fork('frames'), this.#codec, this.#self);
  }

  prepare(frames: number): void {
    this.#frames = Array.from({ length: frames }, () => this.#mutator.next());
  }

  /** Throws what is left of what is prepared, over as many connections as it takes. */
  async attack(): Promise<void> {
    await this.#thrown;
    while (this.#frames.length > 0) {
      await this.#throw();
      await rest();
    }
  }

  /** Throws one after those before it; if it cannot, it is left. */
  throwOne(): void {
    this.#thrown = this.#thrown.then(() => this.#throw());
  }

  async #throw(): Promise<void> {
    const socket = await this.#connected();
    if (socket.readyState !== WebSocket.OPEN) return;
    const frame = this.#frames.pop();
    if (frame === undefined) return;
    socket.send(frame, { binary: this.#codec.binary });
    this.#left -= 1;
    this.sent += 1;
  }

  end(): void {
    this.#socket?.terminate();
  }

  async #connected(): Promise<WebSocket> {
    const present = this.#socket;
    if (present?.readyState === WebSocket.OPEN && this.#left > 0) return present;
    present?.terminate();
    const subprotocol = `netmgr.v1.${this.#codec.name}`;
    const socket = new WebSocket(this.#url, [subprotocol], {
      localAddress: this.#localAddress,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('message', () => {});
    socket.on('close', () => {
      if (this.#socket === socket) this.closed += 1;
    });
    await Promise.race([once(socket, 'open'), once(socket, 'close')]);
    this.#left = FRAMES_PER_CONNECTION;
    // Some begin their attack before the handshake.
    if (chance(this.#random, 0.4)) this.#left = 1 + integer(this.#random, 3);
    else await this.#greet(socket);
    return socket;
  }

  async #greet(socket: WebSocket): Promise<void> {
    if (socket.readyState !== WebSocket.OPEN) return;
    const payload = helloPayload({ instance: `of-${this.#self}` });
    const hello: NetworkMessage = { v: 1, id: 'h-1', kind: 'control', type: 'hello', from: this.#self, ts: 1, payload };

    socket.send(this.#codec.join([this.#codec.encode(hello)]));
    await Promise.race([once(socket, 'message'), once(socket, 'close')]);
  }
}

let lanes: Lane[] = [];
let ones = 0;

async function attack(): Promise<void> {
  await Promise.all(lanes.map((lane) => lane.attack()));
  report();
}

function report(): void {
  const sent = lanes.reduce((sum, lane) => sum + lane.sent, 0);
  const closed = lanes.reduce((sum, lane) => sum + lane.closed, 0);
  process.send?.({ sent, closed } satisfies AttackReport);
}

process.on('message', ({ target, frames, one }: AttackOrder) => {
  if (one) {
    lanes[ones++ % LANES]?.throwOne();
    return;
  }
  if (target) lanes = Array.from({ length: LANES }, (_, index) => new Lane(target, index));
  if (frames === undefined) {
    void attack();
    return;
  }
  for (const lane of lanes) lane.prepare(Math.ceil(frames / LANES));
  report();
});
process.on('disconnect', () => {
  for (const lane of lanes) lane.end();
});
