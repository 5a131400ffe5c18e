import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { SystemClock } from '../../src/base/clock.js';
import type { Log } from '../../src/base/log.js';
import type { Role } from '../../src/base/names.js';
import { createCollaborator, createLeader } from '../../src/index.js';
import { type Handler, handle } from '../../src/manager/handler.js';
import type { WebSocketLimits } from '../../src/network/websocket/options.js';
import type { Collaborator } from '../../src/role/collaborator.js';
import type { Leader } from '../../src/role/leader.js';
import type { InviteOptions, SecurityOperations } from '../../src/role/security-operations.js';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { helloPayload, Stranger, until } from '../network/websocket-nodes.js';
import { answerOf, type Dial } from './fake-device.js';

export interface FortressOptions {
  readonly limits?: Partial<WebSocketLimits>;
  readonly handlers?: readonly Handler[];
  readonly log?: Log;
  readonly stateDir?: string;
}

/** For tests whose attackers come from many addresses. */
export const manyAddresses: { readonly skip: string | false } = {
  skip: process.platform === 'linux' ? false : 'only Linux has all of 127.0.0.0/8 for source addresses',
};

/** One of 250 addresses of attackers; 127.0.0.1 is the honest ones'. */
export const attackersAddress = (index: number): string => `127.0.1.${1 + (index % 250)}`;

/** A leader as it is by default: TLS, tokens, keys. An honest collaborator beside it, who may submit. */
export class Fortress implements AsyncDisposable {
  readonly leader: Leader;
  readonly honest: Collaborator;
  readonly security: SecurityOperations;
  readonly #clock: SystemClock;
  readonly #raw = new Set<Socket>();
  readonly #guests = new Set<Guest>();

  private constructor(leader: Leader, honest: Collaborator, clock: SystemClock) {
    if (!leader.security) throw new Error('a leader without security');
    this.leader = leader;
    this.honest = honest;
    this.security = leader.security;
    this.#clock = clock;
  }

  static async open({ limits, log, stateDir, handlers = [] }: FortressOptions = {}): Promise<Fortress> {
    const clock = new SystemClock();
    const ping = handle('ping', {}, (payload) => payload);
    const settings = { clock, log, limits };
    const leader = await createLeader({ ...settings, stateDir, listen: { port: 0 }, handlers: [ping, ...handlers] });
    const invitation = await leader.security?.invites.create({ role: 'collaborator', maySubmit: true });
    const echo = handle('echo', {}, (payload) => payload);
    const at = { leader: leader.address, token: invitation?.token };
    const honest = await createCollaborator({ ...settings, ...at, name: 'honest', handlers: [echo] });
    const fortress = new Fortress(leader, honest, clock);
    await until(() => leader.status().counts.alive === 1, 'the honest member to be alive');
    return fortress;
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

  async token(invitation: Partial<InviteOptions> = {}): Promise<string> {
    return (await this.security.invites.create({ role: 'collaborator', ...invitation })).token;
  }

  /** How often all tokens together were used. */
  get uses(): number {
    return this.security.invites.list().reduce((sum, { used }) => sum + used, 0);
  }

  /** Connected, and nothing said. */
  async tcp(localAddress = '127.0.0.1'): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: this.port, localAddress });
    socket.on('error', () => {});
    this.#keep(socket);
    await once(socket, 'connect');
    return socket;
  }

  /** TLS with whoever it is, and nothing said. */
  async tls(options: ConnectionOptions & { readonly localAddress?: string } = {}): Promise<TLSSocket> {
    const tcp = await this.tcp(options.localAddress);
    const socket = connectTls({ socket: tcp, rejectUnauthorized: false, ca: [], ...options });
    socket.on('error', () => {});
    this.#keep(socket);
    await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]);
    return socket;
  }

  /** A WebSocket over TLS that has said nothing. */
  async guest(self: string, localAddress?: string): Promise<Guest> {
    const guest = await Guest.dial(this.port, self, localAddress);
    this.#guests.add(guest);
    guest.socket.once('close', () => this.#guests.delete(guest));
    return guest;
  }

  /** A hand-made peer with a key of its own, that is in. */
  async member(self: string, options: MemberOptions = {}): Promise<Guest> {
    const { role = 'collaborator', key = DeviceKey.generate(), maySubmit, localAddress } = options;
    const token = await this.token({ role: role === 'leader' ? 'operator' : role, maySubmit });
    const guest = await this.guest(self, localAddress);
    const verdict = await guest.present({ token, key, role });
    if (verdict !== 'welcome') throw new Error(`${self} is not let in: ${verdict}`);
    return guest;
  }

  /** Both ways: the leader asks the honest member, and the honest member the leader. */
  async assertHonestServed(): Promise<void> {
    const asked = await Promise.all([
      this.leader.request('echo', 'ü€', { to: 'honest' }),
      this.honest.request('ping', 'ü€'),
    ]);
    if (asked.some((answer) => answer !== 'ü€')) throw new Error('a wrong answer');
    if (this.status('honest') !== 'alive') throw new Error(`the honest member is ${this.status('honest')}`);
  }

  /** Until it is closed: thousands come and go. */
  #keep(socket: Socket): void {
    this.#raw.add(socket);
    socket.once('close', () => this.#raw.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const guest of this.#guests) guest.end();
    for (const socket of this.#raw) socket.destroy();
    await this.honest.stop({ graceMs: 50 });
    await this.leader.stop({ graceMs: 50 });
    if (this.#clock.pending > 0) throw new Error(`${this.#clock.pending} timers left after stop`);
  }
}

export interface MemberOptions {
  readonly role?: Role;
  readonly key?: DeviceKey;
  readonly maySubmit?: boolean;
  readonly localAddress?: string;
}

/** A peer made of a bare WebSocket over TLS, that answers the challenge as the test wants. */
export class Guest extends Stranger {
  readonly self: string;
  /** Of the certificate that it was shown. */
  readonly binding: Uint8Array;

  private constructor(socket: WebSocket, self: string, binding: Uint8Array) {
    super(socket, self);
    this.self = self;
    this.binding = binding;
  }

  static async dial(port: number, self: string, localAddress = '127.0.0.1'): Promise<Guest> {
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, ['netmgr.v1.json'], {
      localAddress,
      rejectUnauthorized: false,
      ca: [],
      perMessageDeflate: false,
    });
    socket.on('error', () => {});
    let tls: TLSSocket | undefined;
    socket.once('upgrade', (response) => {
      tls = response.socket as TLSSocket;
    });
    await new Promise<void>((resolve) => void socket.once('open', resolve).once('close', () => resolve()));
    if (tls === undefined) throw new Error('the connection was refused');
    const certificate = tls.getPeerX509Certificate();
    if (!certificate) throw new Error('no certificate was shown');
    const guest = new Guest(socket, self, createHash('sha256').update(certificate.raw).digest());
    return guest;
  }

  /** Says hello. @returns the nonce of the challenge, or undefined if there is none */
  async challenged(role: Role = 'collaborator'): Promise<Uint8Array | undefined> {
    const payload = helloPayload({ role, instance: `of-${this.self}` });
    this.say({ kind: 'control', type: 'hello', payload });
    const find = () => this.messages.find(({ type }) => type === 'challenge');
    await until(() => find() !== undefined || this.closeCode !== undefined, 'the challenge');
    const nonce = find()?.payload['nonce'];
    return typeof nonce === 'string' ? Buffer.from(nonce, 'base64url') : undefined;
  }

  /** Says hello and answers the challenge. @returns what becomes of it */
  async present(options: Pick<Dial, 'token' | 'key' | 'role' | 'signs'> = {}): Promise<string> {
    const { role = 'collaborator' } = options;
    const nonce = await this.challenged(role);
    if (nonce) this.answer(nonce, options);
    return this.verdict();
  }

  answer(nonce: Uint8Array, options: Pick<Dial, 'token' | 'key' | 'role' | 'signs'> = {}): void {
    const { role = 'collaborator', signs } = options;
    const proof = answerOf(nonce, { ...options, node: this.self, role, signs: { binding: this.binding, ...signs } });
    this.say({ kind: 'control', ...proof });
  }

  /** 'welcome', the code of the error, or 'closed'. */
  async verdict(): Promise<string> {
    const verdict = (): string | undefined => {
      if (this.messages.some(({ type }) => type === 'welcome')) return 'welcome';
      const error = this.messages.find(({ kind }) => kind === 'error');
      return error ? String(error.payload['code']) : this.closeCode === undefined ? undefined : 'closed';
    };
    await until(() => verdict() !== undefined, `a verdict on ${this.self}`);
    return verdict() as string;
  }

  end(): void {
    this.socket.terminate();
  }
}
