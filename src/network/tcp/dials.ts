import type { Clock } from '../../base/clock.js';
import { NetworkError, toNetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { Random } from '../../base/random.js';
import type { Codec, DecodeLimits } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Attempt, AttemptEnd } from '../framed/attempt.js';
import type { Connection } from '../framed/connection.js';
import type { Greeting } from '../framed/greeter.js';
import type { PeerEvent, SendOutcome } from '../network.js';
import { refusalOf } from '../refusal.js';
import type { TcpCounters } from './counters.js';
import { Dial, dialFailure } from './dial.js';
import { type Location, locationOf } from './options.js';
import { Pending, type PendingBounds, type PendingMessage, PendingTotal } from './pending.js';

export interface DialsParts {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: TcpCounters;
  /** HOST:PORT of each node; may change at any time. */
  readonly addresses: ReadonlyMap<NodeId, string>;
  /** What waits is kept in it. */
  readonly codec: Codec;
  readonly limits: PendingBounds & DecodeLimits;
  readonly dialTimeoutMs: number;
  /** Makes a dial that is not begun yet. */
  attempt(destination: Destination, end: AttemptEnd): Attempt;
  /** Whether one more node may be dialled, after one to spare has made room if need be. @param underWay dials */
  room(underWay: number): boolean;
  /** The connection that a message for the node takes. */
  connectionFor(message: NetworkMessage, node: NodeId): Connection | undefined;
  opened(connection: Connection, greeting: Greeting): void;
  emit(event: PeerEvent): void;
}

/** Who is dialled, and where. */
export interface Destination {
  readonly node: NodeId;
  /** As the address book has it. */
  readonly address: string;
  readonly location: Location;
}

/** Dials nodes when there is something to send to them. */
export class Dials {
  readonly #parts: DialsParts;
  readonly #dials = new Map<NodeId, Dial>();
  readonly #total = new PendingTotal();
  #underWay = 0;
  #stopped = false;

  constructor(parts: DialsParts) {
    this.#parts = parts;
  }

  /** What waits for connections. */
  get queuedMessages(): number {
    return this.#total.messages;
  }

  get queuedBytes(): number {
    return this.#total.bytes;
  }

  /**
   * Keeps a message for a node that there is no connection to, and dials that unless it was in vain a moment ago.
   * @throws NetworkError SERIALIZATION
   */
  send(message: NetworkMessage, to: NodeId | undefined = message.to): SendOutcome {
    const { counters, clock, room } = this.#parts;
    const known = to === undefined ? undefined : this.#dials.get(to);
    if (known?.attempt) return this.#hold(known, message);
    const destination = to === undefined ? undefined : this.#destination(to);
    if (destination === undefined) return 'NO_ADDRESS';
    if (known?.address === destination.address && clock.now() < known.restsUntil) {
      counters.resting += 1;
      return 'UNREACHABLE';
    }
    if (!room(this.#underWay)) {
      counters.dialledFull += 1;
      return 'BACKPRESSURE';
    }
    return this.#begin(known ?? this.#dialOf(destination.node), destination, message);
  }

  /** There is a connection: hands what waits to it. */
  flush(node: NodeId): void {
    for (const pending of this.#dials.get(node)?.pending.take() ?? []) {
      const error = this.#post(pending, node);
      if (error) this.#undelivered(node, pending, error);
    }
  }

  /** Gives up every dial, and what waits for it. */
  stop(): void {
    this.#stopped = true;
    for (const dial of this.#dials.values()) dial.attempt?.abandon();
    this.#dials.clear();
  }

  #destination(node: NodeId): Destination | undefined {
    const { addresses, self } = this.#parts;
    const address = node === self ? undefined : addresses.get(node);
    if (address === undefined) return undefined;
    try {
      return { node, address, location: locationOf(address) };
    } catch {
      // It was put into the book after the start, which was told of every other one.
      return undefined;
    }
  }

  #post(pending: PendingMessage, node: NodeId): NetworkError | undefined {
    const { self, codec, limits, connectionFor } = this.#parts;
    const { message, encoded } = pending;
    const connection = connectionFor(message, node);
    if (connection === undefined) return new NetworkError('CLOSED', `the connection to ${node} ended`, { node });
    try {
      const outcome =
        connection.codec === codec
          ? connection.post(message, encoded)
          : connection.send(again(pending, codec, limits) ?? message);
      return outcome === 'queued'
        ? undefined
        : refusalOf(outcome, { self, type: message.type, to: node, target: node });
    } catch (error) {
      return toNetworkError(error, 'SERIALIZATION');
    }
  }

  #dialOf(node: NodeId): Dial {
    const { codec, limits } = this.#parts;
    return new Dial(node, new Pending(codec, limits, this.#total));
  }

  #begin(dial: Dial, destination: Destination, message: NetworkMessage): SendOutcome {
    const { attempt: make, clock, dialTimeoutMs, opened } = this.#parts;
    const outcome = this.#hold(dial, message);
    if (outcome !== 'queued') return outcome;
    const attempt = make(destination, {
      opened: (connection, greeting) => {
        this.#over(dial);
        opened(connection, greeting);
        if (dial.attempt === undefined) this.#dials.delete(dial.node);
      },
      failed: (error) => this.#failed(dial, error),
    });
    dial.address = destination.address;
    dial.attempt = attempt;
    this.#forget();
    this.#dials.set(dial.node, dial);
    this.#underWay += 1;
    attempt.start(clock, dialTimeoutMs);
    return outcome;
  }

  /** Of nodes that are no longer in the book nothing is remembered. */
  #forget(): void {
    const { addresses } = this.#parts;
    if (this.#dials.size <= addresses.size) return;
    for (const [node, { attempt }] of this.#dials) if (!attempt && !addresses.has(node)) this.#dials.delete(node);
  }

  #hold(dial: Dial, message: NetworkMessage): SendOutcome {
    if (dial.pending.add(message)) return 'queued';
    this.#parts.counters.pendingFull += 1;
    return 'BACKPRESSURE';
  }

  #over(dial: Dial): void {
    dial.attempt = undefined;
    this.#underWay -= 1;
  }

  #failed(dial: Dial, cause: NetworkError): void {
    const { clock, random, counters, emit } = this.#parts;
    this.#over(dial);
    const error = dialFailure(cause, dial);
    if (!this.#stopped) {
      counters.dialsFailed += 1;
      dial.failures += 1;
      const { delayMs, next } = dial.reconnect.next(random);
      dial.reconnect = next;
      dial.restsUntil = clock.now() + delayMs;
      const { node, address, failures: attempt } = dial;
      emit({ type: 'unreachable', address, node, error, attempt, retryInMs: delayMs });
    }
    for (const pending of dial.pending.take()) this.#undelivered(dial.node, pending, error);
  }

  #undelivered(node: NodeId, { message }: PendingMessage, error: NetworkError): void {
    const { counters, emit } = this.#parts;
    counters.undelivered += 1;
    const { kind, type, id, body } = message;
    const isAwaited = kind === 'request' || body !== undefined || (kind === 'control' && type === 'ping');
    if (isAwaited) emit({ type: 'undelivered', node, id, error });
  }
}

/** The message as it was when it was sent: its payload may have been changed since. */
function again({ encoded }: PendingMessage, codec: Codec, limits: DecodeLimits): NetworkMessage | undefined {
  const own = { ...limits, maxFrameBytes: encoded.inflatedBytes };
  return codec.decode(codec.join([encoded]), own, { lazy: true }).messages[0];
}
