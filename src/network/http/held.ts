import type { ServerResponse } from 'node:http';
import { Deadline } from '../../base/deadline-wheel.js';
import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { IdMap } from '../../message/id-map.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Peer, SendOutcome } from '../network.js';
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
  readonly #byNode = new Map<NodeId, IdMap<Held>>();
  #size = 0;
  #bytes = 0;

  constructor(hub: Hub, replies: Replies) {
    this.#hub = hub;
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
    const earlier = this.#find(remote.node, message.id);
    if (earlier) {
      this.#remove(earlier);
      this.#replies.nothing(earlier.parts.response);
    }
    const held = new Held(this, parts);
    this.#add(held);
    wheel.add(held, message.ttl ?? limits.requestTimeoutMs);
    response.on('close', () => this.#closed(held));
    // The socket has been quiet for a while: so it may, unless that is because the client does not read the answer.
    response.on('timeout', () => {
      if (response.socket?.writableLength) this.#endSlowReader(response);
    });
  }

  /** Writes an answer. @returns undefined: no POST waits for it @throws NetworkError SERIALIZATION */
  answer(answer: NetworkMessage): SendOutcome | undefined {
    const { to, re } = answer;
    const held = to === undefined || re === undefined ? undefined : this.#find(to, re);
    if (held === undefined) return undefined;
    const { response, writer } = held.parts;
    const outcome = writer.write(response, answer);
    if (outcome === 'queued') this.#remove(held);
    return outcome;
  }

  /** Answers all requests of a node with an error, or all that there are. */
  fail(error: NetworkError, node?: NodeId): void {
    const nodes = node === undefined ? [...this.#byNode.keys()] : [node];
    for (const name of nodes) {
      for (const held of this.#byNode.get(name)?.values() ?? []) this.#fail(held, error);
    }
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
    if (this.#find(remote.node, message.id) !== held) return;
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
    if (this.#size >= maxHeld || remote.held >= maxHeldPerPeer) return true;
    return this.#size > 0 && this.#bytes + bytes > maxHeldBytes;
  }

  #find(node: NodeId, id: string): Held | undefined {
    return this.#byNode.get(node)?.get(id);
  }

  #endSlowReader(response: ServerResponse): void {
    this.#hub.counters.slowReaders += 1;
    response.socket?.destroy();
  }

  #add(held: Held): void {
    const { remote } = held.parts;
    let requests = this.#byNode.get(remote.node);
    if (requests === undefined) {
      requests = new IdMap();
      this.#byNode.set(remote.node, requests);
    }
    requests.add(held);
    this.#size += 1;
    this.#bytes += held.parts.bytes;
    remote.held += 1;
  }

  #remove(held: Held): void {
    const { remote } = held.parts;
    const requests = this.#byNode.get(remote.node);
    requests?.delete(held);
    if (requests?.size === 0) this.#byNode.delete(remote.node);
    this.#hub.wheel.remove(held);
    this.#size -= 1;
    this.#bytes -= held.parts.bytes;
    remote.held -= 1;
    this.#hub.progressed();
  }
}
