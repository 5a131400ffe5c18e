import type { Clock, Timer } from '../../base/clock.js';
import { NetworkError, NetworkTimeoutError } from '../../base/errors.js';
import { NODE_NAME, type NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import type { Stamp } from '../../message/stamp.js';
import { timeoutError } from '../draft.js';
import type { PeerEvent, SendOutcome } from '../network.js';
import { refusalOf } from '../refusal.js';

export interface PingOptions {
  /** How long to wait for the answer, in milliseconds. @default 5000 */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a node has answered. */
export interface Pong {
  readonly node: NodeId;
  /** From the ping to the pong. A connection that had to be made for it is counted in. */
  readonly rttMs: number;
  /** Whom the node takes for the leader, if anybody. */
  readonly leader: NodeId | undefined;
}

export interface PingsParts {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly stamp: Stamp;
  send(message: NetworkMessage): SendOutcome;
  leader(): NodeId | undefined;
}

const DEFAULT_TIMEOUT_MS = 5_000;
const MAX_WAITING = 10_000;

/** Asks nodes whether they are there, and answers those that ask. */
export class Pings {
  readonly #parts: PingsParts;
  readonly #waiting = new Map<string, Ping>();

  constructor(parts: PingsParts) {
    this.#parts = parts;
  }

  /** @throws NetworkError INVALID_OPTION, TIMEOUT, CANCELLED, CLOSED, BACKPRESSURE, and why no connection could be made */
  ping(node: NodeId, { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: PingOptions): Promise<Pong> {
    const { clock, stamp, send, self } = this.#parts;
    const wrong = timeoutError(timeoutMs);
    if (wrong) return Promise.reject(wrong);
    const ttl = Math.max(1, Math.ceil(timeoutMs));
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw cancelled(node, signal);
      if (this.#waiting.size >= MAX_WAITING) {
        throw new NetworkError('BACKPRESSURE', `${self} has ${MAX_WAITING} pings that wait for answers, its limit`, {
          node,
        });
      }
      const message = stamp.make({ kind: 'control', type: 'ping', to: node, ttl, payload: { node: self } });
      const sentAt = clock.now();
      const outcome = send(message);
      if (outcome !== 'queued') throw refusalOf(outcome, { self, type: 'ping', to: node, target: node });
      const ended = (): void => void this.#waiting.delete(message.id);
      this.#waiting.set(message.id, new Ping(node, sentAt, { resolve, reject, clock, timeoutMs, signal, ended }));
    });
  }

  /** @returns whether the message was for this */
  take(message: NetworkMessage, from: NodeId): boolean {
    if (message.type === 'ping') this.#answer(message);
    else if (message.type === 'pong') this.#answered(message, from);
    else return false;
    return true;
  }

  /** To be told of every event of the network's peers. */
  event(event: PeerEvent): void {
    if (event.type === 'undelivered') {
      this.#waiting.get(event.id)?.fail(event.error);
    } else if (event.type === 'disconnected' || event.type === 'interrupted') {
      const { node } = event.peer;
      const error = new NetworkError('CLOSED', `the connection to ${node} ended`, { cause: event.error, node });
      for (const ping of [...this.#waiting.values()]) if (ping.node === node) ping.fail(error);
    }
  }

  stop(): void {
    const error = new NetworkError('STOPPED', `${this.#parts.self} was stopped`);
    for (const ping of [...this.#waiting.values()]) ping.fail(error);
  }

  #answer(ping: NetworkMessage): void {
    const { self, stamp, send, leader } = this.#parts;
    const known = leader();
    const payload = known === undefined ? { node: self } : { node: self, leader: known };
    send(stamp.make({ kind: 'control', type: 'pong', to: ping.from, re: ping.id, payload }));
  }

  #answered(pong: NetworkMessage, from: NodeId): void {
    const ping = pong.re === undefined ? undefined : this.#waiting.get(pong.re);
    if (ping?.node !== from) return;
    const { leader } = (payloadOf(pong) ?? {}) as { readonly leader?: unknown };
    const isName = typeof leader === 'string' && NODE_NAME.test(leader);
    ping.succeed(this.#parts.clock.now(), isName ? leader : undefined);
  }
}

interface PingParts {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  resolve(pong: Pong): void;
  reject(error: NetworkError): void;
  /** However it ends. */
  ended(): void;
}

/** One that waits for its answer. */
class Ping {
  readonly node: NodeId;
  readonly #sentAt: number;
  readonly #parts: PingParts;
  readonly #timer: Timer;
  readonly #onAbort = (): void => this.fail(cancelled(this.node, this.#parts.signal));

  constructor(node: NodeId, sentAt: number, parts: PingParts) {
    const { clock, timeoutMs, signal } = parts;
    this.node = node;
    this.#sentAt = sentAt;
    this.#parts = parts;
    this.#timer = clock.setTimer(timeoutMs, () => {
      this.fail(new NetworkTimeoutError(`${node} did not answer within ${timeoutMs} ms`, { node }));
    });
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  succeed(now: number, leader: NodeId | undefined): void {
    this.#end();
    this.#parts.resolve({ node: this.node, rttMs: now - this.#sentAt, leader });
  }

  fail(error: NetworkError): void {
    this.#end();
    this.#parts.reject(error);
  }

  #end(): void {
    this.#timer.cancel();
    this.#parts.signal?.removeEventListener('abort', this.#onAbort);
    this.#parts.ended();
  }
}

const cancelled = (node: NodeId, signal: AbortSignal | undefined): NetworkError =>
  new NetworkError('CANCELLED', `nobody waits for ${node} any more`, { cause: signal?.reason, node });
