import { type NetworkError, toNetworkError } from '../../base/errors.js';
import { type EncodedMessage, joinedBytes } from '../../message/codec.js';
import type { Priority } from '../../message/message.js';
import { WeightedFairQueue } from '../../traffic/weighted-fair-queue.js';
import type { Contact } from './contact.js';
import type { LineHost } from './line-host.js';
import { Post, type PostOwner } from './post.js';
import type { HttpResponse } from './response-parser.js';

/** What joining may add to a message inside a frame, and to the frame as a whole. */
const JOIN_BYTES = 1;
const FRAME_BYTES = 8;

/**
 * Everything for one node that is no request: one POST after another, each with all that has gathered before it. What
 * follows one that has failed is lost with it, and the peer with both: nothing may be missing in between.
 */
export class Deliveries implements PostOwner {
  readonly #contact: Contact;
  readonly #line: LineHost;
  readonly #waiting = new WeightedFairQueue<EncodedMessage>();
  #current: Post | undefined;
  #scheduled = false;

  constructor(contact: Contact, line: LineHost) {
    this.#contact = contact;
    this.#line = line;
  }

  /** One is under way. */
  get active(): boolean {
    return this.#current !== undefined;
  }

  get idle(): boolean {
    return !this.active && this.#waiting.length === 0;
  }

  get queuedMessages(): number {
    return this.#waiting.length;
  }

  get queuedBytes(): number {
    return this.#waiting.bytes;
  }

  push(priority: Priority, message: EncodedMessage): void {
    this.#waiting.push(priority, message.bytes, message);
    if (this.#scheduled || this.active) return;
    this.#scheduled = true;
    // What one turn sends leaves together.
    process.nextTick(() => {
      this.#scheduled = false;
      this.pump();
    });
  }

  /** Begins the next one, if there is none. */
  pump(): void {
    if (this.active || this.#waiting.length === 0) return;
    const { hub, target, writer, addressee } = this.#contact;
    const batch = this.#nextBatch();
    const { codec } = writer;
    const data = codec.join(batch);
    const post = new Post(this, target);
    this.#current = post;
    hub.wheel.add(post, hub.limits.deliveryTimeoutMs);
    const parcel = { codec, data, bytes: joinedBytes(data, batch), messages: batch.length };
    writer.send(post, parcel, addressee.traffic);
  }

  /** Forgets what waits and what is under way. @returns whether there was anything */
  drop(): boolean {
    const { idle } = this;
    this.#waiting.clear();
    this.#current?.abandon();
    this.#end();
    return !idle;
  }

  answered(_post: Post, answer: HttpResponse): void {
    this.#end();
    try {
      const { card, messages, peer } = this.#contact.read(answer);
      for (const message of messages) this.#line.arrived(message, peer);
      this.#line.learn(card);
    } catch (error) {
      const refusal = toNetworkError(error);
      // The peer has read it and taken what was right of it.
      if (refusal.code === 'INVALID_MESSAGE') this.#refused(refusal);
      else this.#lost(refusal);
    }
    this.#line.progressed();
  }

  failed(_post: Post, error: NetworkError): void {
    this.#end();
    this.#line.broke(error);
    this.#lost(error);
    this.#line.progressed();
  }

  #lost(error: NetworkError): void {
    this.#refused(error);
    this.#waiting.clear();
    this.#contact.lost(error);
  }

  #refused(error: NetworkError): void {
    const { hub, addressee, target } = this.#contact;
    addressee.traffic.errors += 1;
    const { code, message: reason } = error;
    hub.log.warn({ node: target.node, address: target.url.text, code, reason }, 'messages were lost');
  }

  #end(): void {
    if (this.#current === undefined) return;
    this.#contact.hub.wheel.remove(this.#current);
    if (this.#current.repeated) this.#contact.hub.counters.postsRepeated += 1;
    this.#current = undefined;
  }

  #nextBatch(): EncodedMessage[] {
    const { hub, writer } = this.#contact;
    const { maxBatch, maxBatchBytes } = hub.limits;
    const maxBytes = Math.min(writer.maxFrameBytes, maxBatchBytes) - FRAME_BYTES;
    const batch: EncodedMessage[] = [];
    let bytes = 0;
    for (let next = this.#waiting.peek(); next !== undefined && batch.length < maxBatch; next = this.#waiting.peek()) {
      bytes += next.bytes + JOIN_BYTES;
      if (bytes > maxBytes && batch.length > 0) break;
      this.#waiting.pop();
      batch.push(next);
    }
    return batch;
  }
}
