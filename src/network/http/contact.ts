import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Peer, Traffic } from '../network.js';
import { readAnswer } from './answer.js';
import type { Card } from './card.js';
import type { Hub } from './hub.js';
import type { PostTarget } from './post.js';
import type { HttpResponse } from './response-parser.js';
import { GONE } from './status.js';
import { Writer } from './writer.js';

/** Whose address it is. */
export interface Addressee {
  readonly node: NodeId;
  /** While connected. */
  readonly peer: Peer | undefined;
  /** Where what crosses is counted. */
  readonly traffic: Traffic;
  /** It has answered. @throws NetworkError CLOSED: by a process that has the name no longer */
  answered(card: Card, address: string): Peer;
  /** What it has answered was handed on; if it is another process than before, that is told now. */
  became(card: Card, address: string): void;
  lost(error: NetworkError): void;
  /** A socket was ended by the node: perhaps it is gone. */
  doubted(): void;
}

/** What is read out of an answer. */
export interface Arrived {
  readonly card: Card;
  readonly messages: readonly NetworkMessage[];
  readonly peer: Peer;
}

/** What everything that is sent to one node shares: how it is written, and what its end tells of the node. */
export class Contact {
  readonly hub: Hub;
  readonly addressee: Addressee;
  readonly target: PostTarget;
  readonly writer: Writer;
  /** Why the last request to end has failed at the connection; undefined if it has not. */
  #failing: NetworkError | undefined;
  #attempts = 0;

  constructor(hub: Hub, addressee: Addressee, target: PostTarget) {
    this.hub = hub;
    this.addressee = addressee;
    this.target = target;
    this.writer = new Writer(hub, target);
  }

  /** @throws NetworkError what the request has failed with */
  read(answer: HttpResponse): Arrived {
    const { hub, addressee, target } = this;
    const { wiring, cards, limits } = hub;
    addressee.traffic.bytesIn += answer.body.length;
    const { node, url } = target;
    const read = readAnswer({ answer, node, url, cluster: wiring.cluster, cards, limits });
    if (read.error) {
      if (read.byNode) this.#failing = undefined;
      else this.broke(read.error);
      throw read.error;
    }
    const { card, messages } = read;
    const peer = addressee.answered(card, url.text);
    this.#failing = undefined;
    this.#attempts = 0;
    return { card, messages, peer };
  }

  /** What a probe has found out. @returns why the node is not there, or has no part in this one any more */
  judge(answer: HttpResponse): NetworkError | undefined {
    const { hub, addressee, target } = this;
    const { wiring, cards, limits } = hub;
    const { node, url } = target;
    const read = readAnswer({ answer, node, url, cluster: wiring.cluster, cards, limits });
    if (answer.status === GONE) return new NetworkError('CLOSED', `${node} has ended its side`, { node });
    if (read.error) return read.byNode ? undefined : read.error;
    addressee.answered(read.card, url.text);
    addressee.became(read.card, url.text);
    return undefined;
  }

  /** A request has failed at the connection. */
  broke(error: NetworkError): void {
    const { hub, addressee, target } = this;
    hub.counters.postsFailed += 1;
    this.#failing = error;
    if (addressee.peer) return;
    this.#attempts += 1;
    const { node, url } = target;
    hub.emit({ type: 'unreachable', address: url.text, node, error, attempt: this.#attempts, retryInMs: 0 });
  }

  /** Nothing is under way to the node: if what was has failed, it is not there. */
  settle(): void {
    const failing = this.#failing;
    if (failing) this.lost(failing);
  }

  lost(cause: NetworkError): void {
    this.#failing = undefined;
    const { node } = this.target;
    this.addressee.lost(new NetworkError('CLOSED', `${node} was lost: ${cause.message}`, { cause, node }));
  }
}
