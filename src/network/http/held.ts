import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Deadline } from '../../base/deadline-wheel.js';
import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Peer, SendOutcome } from '../network.js';
import type { Directory } from './directory.js';
import type { Hub } from './hub.js';
import type { Remote } from './remote.js';
import type { Replies } from './reply.js';

/** How the answer to a request is written. */
export interface AnswerWriter {
  /**
   * @returns TOO_LARGE: nothing was written
   * @throws NetworkError SERIALIZATION: nothing was written
   */
  write(response: ServerResponse, answer: NetworkMessage): SendOutcome;
}

export interface HeldParts {
  /** The request, as it was delivered. */
  readonly message: NetworkMessage;
  readonly remote: Remote;
  readonly peer: Peer;
  readonly response: ServerResponse;
  readonly writer: AnswerWriter;
  /** Of the body. */
  readonly bytes: number;
}

/** A request whose POST waits for the answer. */
class Held extends Deadline {
  readonly message: NetworkMessage;
  readonly parts: HeldParts;
  readonly #all: HeldRequests;

  constructor(all: HeldRequests, parts: HeldParts) {
    super();
    this.#all = all;
    this.message = parts.message;
    this.parts = parts;
  }

  expire(): void {
    this.#all.expired(this);
  }
}

/** The requests of others that wait for their answers here, each with the POST that it came in. */
export class HeldRequests {
  readonly #hub: Hub;
  readonly #replies: Replies;
  readonly #directory: Directory;
  readonly #watched = new WeakSet<Socket>();
  #size = 0;
  #bytes = 0;

  constructor(hub: Hub, directory: Directory, replies: Replies) {
    this.#hub = hub;
    this.#directory = directory;
    this.#replies = replies;
  }

  get size(): number {
    return this.#size;
  }

  /** @throws NetworkError OVERLOADED */
  hold(parts: HeldParts): void {
    const { limits, counters, wiring, wheel } = this.#hub;
    const { remote, message, response } = parts;
    if (this.#isFull(parts)) {
      counters.heldFull += 1;
      throw new NetworkError('OVERLOADED', `as many requests wait for their answers at ${wiring.self} as may`);
    }
    // One that comes again takes the place of the first: the answer goes to the last POST of a request.
    const earlier = remote.held.get(message.id) as Held | undefined;
    if (earlier) {
      this.#remove(earlier);
      this.#replies.nothing(earlier.parts.response);
    }
    const held = new Held(this, parts);
    this.#add(held);
    wheel.add(held, message.ttl ?? limits.requestTimeoutMs);
    response.on('close', () => this.#closed(held));
  }

  /** Writes an answer. @returns undefined: no POST waits for it @throws NetworkError SERIALIZATION */
  answer(answer: NetworkMessage): SendOutcome | undefined {
    const { to, re } = answer;
    if (to === undefined || re === undefined) return undefined;
    const held = this.#directory.find(to)?.held.get(re) as Held | undefined;
    if (held === undefined) return undefined;
    const { response, writer } = held.parts;
    const outcome = writer.write(response, answer);
    if (outcome !== 'queued') return outcome;
    this.#remove(held);
    this.#watch(response);
    return outcome;
  }

  /** Answers all requests of a node with an error, or all that there are. */
  fail(error: NetworkError, node?: NodeId): void {
    const remotes = node === undefined ? this.#directory.remotes() : [this.#directory.find(node)];
    for (const remote of remotes) for (const held of remote?.held.values() ?? []) this.#fail(held as Held, error);
  }

  expired(held: Held): void {
    const { ttl = this.#hub.limits.requestTimeoutMs, type } = held.message;
    this.#hub.counters.unanswered += 1;
    this.#fail(held, new NetworkError('TIMEOUT', `no answer to '${type}' within ${ttl} ms`));
  }

  #fail(held: Held, error: NetworkError): void {
    this.#remove(held);
    this.#replies.error(held.parts.response, error);
  }

  /** The POST is over: answered, or its client has gone away. */
  #closed(held: Held): void {
    const { remote, peer, message } = held.parts;
    if (remote.held.get(message.id) !== held) return;
    this.#remove(held);
    this.#hub.counters.abandoned += 1;
    // A body that can be read again outlives the POST that has announced it: who gives it up says so.
    if (remote.peer !== peer || message.body?.resumable) return;
    const { self, stamp } = this.#hub.wiring;
    const { node } = remote;
    this.#hub.deliver(stamp.make({ kind: 'control', type: 'cancel', from: node, to: self, re: message.id }), peer);
  }

  /** One may be there, however large. */
  #isFull({ remote, bytes }: HeldParts): boolean {
    const { maxHeld, maxHeldPerPeer, maxHeldBytes } = this.#hub.limits;
    if (this.#size >= maxHeld || remote.held.size >= maxHeldPerPeer) return true;
    return this.#size > 0 && this.#bytes + bytes > maxHeldBytes;
  }

  /** A client that does not read the answer loses the socket. */
  #watch({ socket }: ServerResponse): void {
    if (!socket?.writableLength) return;
    socket.setTimeout(this.#hub.limits.stallMs);
    if (this.#watched.has(socket)) return;
    this.#watched.add(socket);
    socket.on('timeout', () => {
      if (socket.writableLength > 0) this.#hub.counters.slowReaders += 1;
    });
  }

  #add(held: Held): void {
    const { remote, bytes } = held.parts;
    remote.held.add(held);
    this.#size += 1;
    this.#bytes += bytes;
  }

  #remove(held: Held): void {
    const { remote, bytes } = held.parts;
    remote.held.delete(held);
    this.#hub.wheel.remove(held);
    this.#size -= 1;
    this.#bytes -= bytes;
    this.#hub.progressed();
  }
}
