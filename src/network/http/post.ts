import { Deadline } from '../../base/deadline-wheel.js';
import { type NetworkError, NetworkTimeoutError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { BaseUrl } from './base-url.js';
import { REPEAT_HEADER } from './card.js';
import type { Connection, Exchange, Outgoing, Reached } from './connection.js';
import type { Connector } from './connector.js';
import { postError, unsent } from './failure.js';
import type { HttpResponse } from './response-parser.js';

/** Where what is for one node goes. */
export interface PostTarget {
  readonly node: NodeId;
  readonly url: BaseUrl;
  readonly path: string;
  readonly connector: Connector;
}

/** Told once how a POST has ended, unless it was given up. */
export interface PostOwner {
  answered(post: Post, answer: HttpResponse): void;
  failed(post: Post, error: NetworkError): void;
}

export interface Sending extends Outgoing {
  /** On a socket of its own. */
  readonly fresh: boolean;
}

/** One HTTP request to a node: begun, then answered, failed or given up. */
export class Post extends Deadline implements Exchange {
  readonly #owner: PostOwner;
  readonly #target: PostTarget;
  #sending: Sending | undefined;
  #connection: Connection | undefined;
  #repeated = false;
  #settled = false;

  constructor(owner: PostOwner, target: PostTarget) {
    super();
    this.#owner = owner;
    this.#target = target;
  }

  /** It has ended, one way or another. */
  get settled(): boolean {
    return this.#settled;
  }

  get begun(): boolean {
    return this.#sending !== undefined;
  }

  /** It had to be made twice. */
  get repeated(): boolean {
    return this.#repeated;
  }

  /** Its owner is never told within this call. */
  begin(sending: Sending): void {
    this.#sending = sending;
    this.#connection = this.#target.connector.ask(sending, this, sending.fresh);
  }

  /** Ends it, after this call: it could not be written. */
  failUnsent(thrown: unknown): void {
    const { node, url } = this.#target;
    const error = unsent(thrown, { node, address: url.text });
    process.nextTick(() => this.fail(error));
  }

  /** Ends it; nobody is told. */
  abandon(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#connection?.abandon();
  }

  /** Ends it with an error. */
  fail(error: NetworkError): void {
    if (this.#settled) return;
    this.abandon();
    this.#owner.failed(this, error);
  }

  expire(): void {
    const { node, url } = this.#target;
    const text = `no answer from ${node} (${url.text}) in time`;
    this.fail(new NetworkTimeoutError(text, { node, address: url.text }));
  }

  answered(response: HttpResponse): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#owner.answered(this, response);
  }

  broken(error: Error, reached: Reached): void {
    if (this.#settled || this.#repeat(reached)) return;
    const { node, url } = this.#target;
    this.fail(postError(error, { node, address: url.text, repeated: this.#repeated, ...reached }));
  }

  /**
   * A server may end a kept socket in the moment in which it is used again. Nothing of an answer has come, and the
   * socket is an old one: most likely nobody has read the request, so it is made once more, on a new socket; the node
   * knows if it has read it after all.
   */
  #repeat({ reused, heard, end }: Reached): boolean {
    const sending = this.#sending;
    if (sending === undefined || this.#repeated || heard || !reused || end !== 'closed') return false;
    this.#repeated = true;
    this.#connection = this.#target.connector.ask(
      { ...sending, head: `${sending.head}${REPEAT_HEADER}: 1\r\n` },
      this,
      true,
    );
    return true;
  }
}
