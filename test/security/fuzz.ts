import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, before } from 'node:test';
import { ERROR_CODES } from '../../src/base/errors.js';
import { chance, integer, pick, type Random, seededRandom } from '../../src/base/random.js';
import { jsonCodec } from '../../src/message/json-codec.js';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { Mutator } from '../attack/mutator.js';
import { heapAfterCollection } from '../attack/replay.js';
import { until } from '../network/websocket-nodes.js';
import { recordClientHello } from './client-hello.js';
import { attackersAddress, Fortress, type Guest } from './fortress.js';

const LANES = 12;
/** After which a member that is still in begins anew. */
const FRAMES_PER_MEMBER = 60;
const MAX_GROWTH_BYTES = 24 * 1024 * 1024;

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
before(() => void process.on('unhandledRejection', note).on('uncaughtException', note));
after(() => void process.off('unhandledRejection', note).off('uncaughtException', note));

export interface FuzzReport {
  readonly beforeAuthentication: number;
  readonly afterAuthentication: number;
  readonly belowTheWebSocket: number;
}

/** Throws mutated frames at a leader over TLS: before authentication, after it, and at TLS and HTTP themselves. */
export async function fuzzOverTls(frames: number, seed: string): Promise<FuzzReport> {
  await using fortress = await Fortress.open();
  const clientHello = await recordClientHello();
  const fuzzers = Array.from({ length: LANES }, (_, i) => new Fuzzer(fortress, `${seed} lane ${i}`, i, clientHello));
  await Promise.all(fuzzers.map((fuzzer) => fuzzer.run(Math.ceil(frames / LANES / 20))));
  const heap = heapAfterCollection();
  await Promise.all(fuzzers.map((fuzzer) => fuzzer.run(Math.ceil(frames / LANES))));
  const sum = (field: keyof FuzzReport) => fuzzers.reduce((total, fuzzer) => total + fuzzer.report[field], 0);
  const members = () => fortress.leader.status().nodes.filter(({ node }) => node !== 'honest');
  await until(
    () => members().every(({ status }) => status === 'lost' || status === 'left'),
    'the attackers to be seen to be gone',
  );
  await fortress.assertHonestServed();
  const growth = heapAfterCollection() - heap;
  assert.ok(growth < MAX_GROWTH_BYTES, `the heap has grown by ${growth} bytes`);
  assert.deepEqual(unhandled, []);
  assert.equal((Object.prototype as { polluted?: boolean }).polluted, undefined);
  return {
    beforeAuthentication: sum('beforeAuthentication'),
    afterAuthentication: sum('afterAuthentication'),
    belowTheWebSocket: sum('belowTheWebSocket'),
  };
}

class Fuzzer {
  readonly report: { -readonly [Field in keyof FuzzReport]: number } = {
    beforeAuthentication: 0,
    afterAuthentication: 0,
    belowTheWebSocket: 0,
  };
  readonly #fortress: Fortress;
  readonly #random: Random;
  readonly #address: string;
  readonly #self: string;
  readonly #mutator: Mutator;
  readonly #key: DeviceKey = DeviceKey.generate();
  readonly #clientHello: Buffer;
  #token = '';

  constructor(fortress: Fortress, seed: string, index: number, clientHello: Buffer) {
    this.#fortress = fortress;
    this.#random = seededRandom(seed);
    this.#address = attackersAddress(index);
    this.#self = `evil-${index}`;
    this.#mutator = new Mutator(this.#random.fork('frames'), jsonCodec, this.#self);
    this.#clientHello = clientHello;
  }

  async run(frames: number): Promise<void> {
    this.#token ||= await this.#fortress.token();
    for (let left = frames; left > 0; ) {
      if (chance(this.#random, 0.2)) left -= await this.#asMember(Math.min(left, FRAMES_PER_MEMBER));
      else if (chance(this.#random, 0.6)) left -= await this.#asStranger();
      else left -= await this.#below();
    }
  }

  /** Mutations of what belongs in the greeting, or anything at all in its place. */
  async #asStranger(): Promise<number> {
    const guest = await this.#guest();
    const nonce = chance(this.#random, 0.6) ? await guest.challenged() : undefined;
    if (nonce) guest.answer(nonce, { key: this.#key, token: this.#token });
    // What was said rightly: it is mutated, and said on a connection that has got as far.
    const [hello = '', answer = ''] = guest.said;
    guest.end();
    const victim = await this.#guest();
    if (nonce) await victim.challenged();
    const right = nonce ? answer : hello;
    const frame = chance(this.#random, 0.6) && right !== '' ? this.#mutate(right) : this.#mutator.next();
    victim.socket.send(frame, { binary: false });
    await this.#settled(victim);
    assertNamed(victim);
    victim.end();
    this.report.beforeAuthentication += 1;
    return 1;
  }

  async #asMember(frames: number): Promise<number> {
    const guest = await this.#guest();
    await guest.present({ key: this.#key, token: this.#token });
    assert.equal(await guest.verdict(), 'welcome');
    let sent = 0;
    while (sent < frames && guest.closeCode === undefined) {
      guest.socket.send(this.#mutator.next(), { binary: false });
      sent += 1;
      // The leader looks at it before the next: what comes after the end is thrown at nobody.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await this.#settled(guest);
    assertNamed(guest);
    guest.end();
    this.report.afterAuthentication += sent;
    return sent;
  }

  /** TLS records, and HTTP inside TLS. */
  async #below(): Promise<number> {
    const inside = chance(this.#random, 0.5);
    const socket: Socket = inside
      ? await this.#fortress.tls({ localAddress: this.#address })
      : await this.#fortress.tcp(this.#address);
    const right = inside ? Buffer.from(UPGRADE) : this.#clientHello;
    socket.resume();
    socket.write(this.#mutate(right.toString('latin1'), 'latin1'));
    socket.end();
    if (!socket.closed) await once(socket, 'close');
    this.report.belowTheWebSocket += 1;
    return 1;
  }

  async #guest(): Promise<Guest> {
    return this.#fortress.guest(this.#self, this.#address);
  }

  /** Its answers are there once a ping is answered, or it is gone. */
  async #settled({ socket }: Guest): Promise<void> {
    if (socket.readyState !== socket.OPEN) return;
    socket.ping();
    await Promise.race([once(socket, 'pong'), once(socket, 'close')]);
  }

  #mutate(text: string, encoding: 'utf8' | 'latin1' = 'utf8'): Buffer {
    const bytes = Buffer.from(text, encoding);
    for (let rounds = 1 + integer(this.#random, 4); rounds > 0; rounds -= 1) {
      const at = integer(this.#random, bytes.length);
      bytes[at] = pick(this.#random, [0, 0x22, 0x2c, 0x7f, 0xff, integer(this.#random, 256)]) ?? 0;
    }
    return chance(this.#random, 0.3) ? bytes.subarray(0, integer(this.#random, bytes.length)) : bytes;
  }
}

const UPGRADE =
  'GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n' +
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: netmgr.v1.json\r\n\r\n';

/** Whatever was refused was refused by a name that people can read. */
function assertNamed(guest: Guest): void {
  for (const { kind, payload } of guest.messages) {
    if (kind !== 'error') continue;
    assert.ok((ERROR_CODES as readonly string[]).includes(String(payload['code'])), JSON.stringify(payload));
    const message = String(payload['message']);
    assert.ok(message.length < 400 && !/\p{Cc}/u.test(message), JSON.stringify(message));
  }
}
