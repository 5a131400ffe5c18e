/**
 * A process of its own with many members that are up to no good. Told over IPC by a `BombOrder`; answers with a
 * `BombReport` when its time is over, and waits for the next one.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { deflateRawSync } from 'node:zlib';
import { WebSocket } from 'ws';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import type { Bomb, BombOrder, BombReport } from './bomb.js';
import { attackersAddress, Guest } from './fortress.js';

/** Between two throws of one connection: what 100 of them throw is a nuisance, not the limit of the machine. */
const REST_MS: Readonly<Record<Bomb, number>> = {
  depth: 500,
  fragments: 1_500,
  pings: 1_500,
  'slow readers': 500,
  deflate: 3_000,
};
const HARMLESS = 'x'.repeat(1024);
const DEEP = '['.repeat(100_000);
const BIG = 'x'.repeat(64 * 1024);
const PING = Buffer.from([0x89, 0x80, 0, 0, 0, 0]);
const FRAGMENT = Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0x20]);
const BOMB_BYTES = 64 * 1024 * 1024;

const rawOf = ({ socket }: Guest): Socket => (socket as unknown as { readonly _socket: Socket })._socket;

/** A deflated frame: a few KiB that would be 64 MiB. */
function deflated(): Buffer {
  const data = deflateRawSync(Buffer.alloc(BOMB_BYTES, 0x20));
  const header = Buffer.alloc(14);
  header[0] = 0xc1;
  header[1] = 0x80 | 127;
  header.writeBigUInt64BE(BigInt(data.length), 2);
  return Buffer.concat([header, data]);
}

let report = { thrown: 0, closed: 0, accepted: 0 };
const deflateBomb = deflated();

function throwBomb(bomb: Bomb, guest: Guest): void {
  const raw = rawOf(guest);
  report.thrown += 1;
  switch (bomb) {
    case 'depth':
      guest.socket.send(`{"v":1,"id":"a-1","kind":"event","type":"x","from":"${guest.self}","ts":1,"payload":${DEEP}`);
      return;
    case 'fragments':
      raw.write(Buffer.concat([Buffer.from([0x01, 0x81, 0, 0, 0, 0, 0x5b]), ...Array(60).fill(FRAGMENT)]));
      if (report.thrown % 2 === 0) raw.write(Buffer.concat(Array(10_000).fill(FRAGMENT)));
      return;
    case 'pings':
      raw.pause();
      raw.write(Buffer.concat(Array(2_000).fill(PING)));
      return;
    case 'slow readers':
      raw.pause();
      guest.say({ kind: 'request', type: 'ping', to: 'leader', payload: BIG });
      return;
    case 'deflate':
      raw.write(deflateBomb);
  }
}

class Lane {
  readonly #index: number;
  readonly #key = DeviceKey.generate();
  #guest: Guest | undefined;
  #said = 0;

  constructor(index: number) {
    this.#index = index;
  }

  async run(order: BombOrder, until: number): Promise<void> {
    const { bomb, connections, harmless } = order;
    // Not all at once.
    await rest((this.#index / connections) * REST_MS[bomb]);
    while (performance.now() < until) {
      const guest = await this.#connected(order).catch(() => undefined);
      if (guest && harmless) this.#behave(guest, bomb, harmless.leaveAfter);
      else if (guest) throwBomb(bomb, guest);
      await rest(REST_MS[bomb]);
    }
    if (this.#guest?.closeCode !== undefined) report.closed += 1;
    this.#guest?.end();
    this.#guest = undefined;
  }

  #behave(guest: Guest, bomb: Bomb, leaveAfter: number): void {
    report.thrown += 1;
    this.#said += 1;
    // Nothing is kept of what was said before.
    guest.said.length = 0;
    guest.messages.length = 0;
    // What a slow reader asks for is not forbidden either, if it is read.
    const payload = bomb === 'slow readers' ? BIG : HARMLESS;
    guest.say({ kind: 'request', type: 'ping', to: 'leader', payload });
    if (this.#said % leaveAfter === 0) guest.socket.close();
  }

  async #connected({ bomb, port, token, harmless }: BombOrder): Promise<Guest> {
    const present = this.#guest;
    if (present && present.closeCode === undefined) return present;
    if (present) report.closed += 1;
    this.#guest = undefined;
    const address = attackersAddress(this.#index);
    if (bomb === 'deflate') await offerDeflate(port, address);
    const crowd = harmless ? 'harmless' : bomb.replace(' ', '-');
    const guest = await Guest.dial(port, `${crowd}-${this.#index}`, address);
    if ((await guest.present({ key: this.#key, token })) !== 'welcome') throw new Error('refused');
    this.#guest = guest;
    return guest;
  }
}

async function offerDeflate(port: number, localAddress: string): Promise<void> {
  const options = { localAddress, rejectUnauthorized: false, perMessageDeflate: { serverMaxWindowBits: 15 } };
  const socket = new WebSocket(`wss://127.0.0.1:${port}/`, ['netmgr.v1.json'], options);
  socket.on('error', () => {});
  await Promise.race([once(socket, 'open'), once(socket, 'close')]);
  if (socket.extensions !== '') report.accepted += 1;
  socket.terminate();
}

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const lanes: Lane[] = [];

process.on('message', (order: BombOrder) => {
  report = { thrown: 0, closed: 0, accepted: 0 };
  while (lanes.length < order.connections) lanes.push(new Lane(lanes.length));
  const until = performance.now() + order.durationMs;
  void Promise.all(lanes.map((lane) => lane.run(order, until))).then(() => process.send?.(report satisfies BombReport));
});
