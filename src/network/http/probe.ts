import { Deadline } from '../../base/deadline-wheel.js';
import { type NetworkError, toNetworkError } from '../../base/errors.js';
import type { Contact } from './contact.js';
import { Post, type PostOwner } from './post.js';
import type { HttpResponse } from './response-parser.js';

/** A node is not asked more often. */
const MIN_DISTANCE_MS = 1000;

/**
 * Asks a node whether it is there and has this one as a peer, when there is a doubt: its sockets are gone, and nothing is
 * under way that would tell.
 */
export class Probe extends Deadline implements PostOwner {
  readonly #contact: Contact;
  #current: Post | undefined;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(contact: Contact) {
    super();
    this.#contact = contact;
  }

  /** At once, or a second after the last time. */
  ask(): void {
    if (this.armed || this.#current) return;
    const { hub } = this.#contact;
    const waitMs = this.#lastAt + MIN_DISTANCE_MS - hub.wiring.clock.now();
    if (waitMs > 0) hub.wheel.add(this, waitMs);
    else this.#begin();
  }

  expire(): void {
    if (this.#contact.addressee.peer) this.#begin();
  }

  drop(): void {
    this.#contact.hub.wheel.remove(this);
    this.#current?.abandon();
    this.#end();
  }

  answered(_post: Post, answer: HttpResponse): void {
    this.#end();
    try {
      const wrong = this.#contact.judge(answer);
      if (wrong) this.#contact.lost(wrong);
    } catch (error) {
      this.#contact.lost(toNetworkError(error));
    }
  }

  failed(_post: Post, error: NetworkError): void {
    this.#end();
    // Silence for a moment proves nothing.
    if (error.code !== 'TIMEOUT') this.#contact.lost(error);
  }

  #begin(): void {
    const { hub, target, writer } = this.#contact;
    this.#lastAt = hub.wiring.clock.now();
    this.#current = new Post(this, target);
    hub.wheel.add(this.#current, hub.limits.requestTimeoutMs);
    writer.probe(this.#current);
  }

  #end(): void {
    if (this.#current) this.#contact.hub.wheel.remove(this.#current);
    this.#current = undefined;
  }
}
