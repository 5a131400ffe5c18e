import { NetworkError, toNetworkError } from '../../base/errors.js';
import type { EncodedMessage } from '../../message/codec.js';
import { IdMap } from '../../message/id-map.js';
import type { NetworkMessage } from '../../message/message.js';
import { WeightedFairQueue } from '../../traffic/weighted-fair-queue.js';
import type { Arrived, Contact } from './contact.js';
import type { LineHost } from './line-host.js';
import { Post, type PostOwner } from './post.js';
import type { HttpResponse } from './response-parser.js';
import type { Parcel } from './writer.js';

/** The POST of one request. */
class RequestPost extends Post {
  readonly message: NetworkMessage;
  readonly parcel: Parcel;
  /** The POST of the same request when it was sent before. */
  earlier: RequestPost | undefined;

  constructor(
    requests: Requests,
    contact: Contact,
    sent: { readonly message: NetworkMessage; readonly parcel: Parcel },
  ) {
    super(requests, contact.target);
    this.message = sent.message;
    this.parcel = sent.parcel;
  }
}

/** A peer is given so much longer than a request may take, so that it can say itself that it has no answer. */
const LAST_WORDS_MS = 500;

/** The requests to one node: each its own POST, as many at a time as there may be sockets. */
export class Requests implements PostOwner {
  readonly #contact: Contact;
  readonly #line: LineHost;
  readonly #maxActive: number;
  /** All that have not ended, begun or not; of those with one id the latest. */
  readonly #open = new IdMap<RequestPost>();
  /** Those that wait for a socket, and some that have been given up meanwhile. */
  readonly #waiting = new WeightedFairQueue<RequestPost>();
  #active = 0;

  constructor(contact: Contact, line: LineHost) {
    this.#contact = contact;
    this.#line = line;
    // One socket is for everything else.
    this.#maxActive = contact.hub.limits.maxSockets - 1;
  }

  /** Those under way. */
  get active(): number {
    return this.#active;
  }

  /** None is under way, and none waits. */
  get idle(): boolean {
    return this.#open.size === 0 && this.#active === 0;
  }

  /** Whether the next one has to wait. */
  get full(): boolean {
    return this.#active >= this.#maxActive;
  }

  get queuedMessages(): number {
    return this.#waiting.length;
  }

  get queuedBytes(): number {
    return this.#waiting.bytes;
  }

  ask(message: NetworkMessage, { data, bytes }: EncodedMessage): void {
    const { hub, writer } = this.#contact;
    const parcel = { codec: writer.codec, data, bytes, messages: 1 };
    const post = new RequestPost(this, this.#contact, { message, parcel });
    // Sent again under its id: the peer answers the last POST of a request.
    post.earlier = this.#open.get(message.id);
    if (post.earlier) this.#open.delete(post.earlier);
    this.#open.add(post);
    hub.wheel.add(post, (message.ttl ?? hub.limits.requestTimeoutMs) + LAST_WORDS_MS);
    if (this.full) this.#waiting.push(message.priority ?? 'normal', bytes, post);
    else this.#begin(post);
  }

  /** The caller gives up. @returns whether the end of its POST tells the peer */
  cancel(id: string): boolean {
    const post = this.#open.get(id);
    if (post === undefined) return false;
    this.#abandon(post);
    return !post.message.body?.resumable;
  }

  /** Begins those that have waited long enough. */
  pump(): void {
    while (!this.full && this.#waiting.length > 0) {
      const post = this.#waiting.pop();
      if (post !== undefined && !post.settled) this.#begin(post);
    }
  }

  /** Ends all of them, or those that wait. */
  fail(error: NetworkError, which: 'all' | 'waiting'): void {
    for (const post of this.#open.values()) {
      if (which === 'waiting' && post.begun) continue;
      this.#abandon(post);
      this.#undelivered(post, error);
    }
    this.#waiting.clear();
  }

  answered(post: Post, answer: HttpResponse): void {
    const request = post as RequestPost;
    const isLatest = this.#end(request);
    try {
      const arrived = this.#contact.read(answer);
      this.#take(request, arrived, isLatest);
      this.#line.learn(arrived.card);
    } catch (error) {
      if (isLatest) this.#undelivered(request, toNetworkError(error));
    }
    this.#line.progressed();
  }

  failed(post: Post, error: NetworkError): void {
    const request = post as RequestPost;
    if (this.#end(request)) this.#undelivered(request, error);
    // Whoever has not answered in time is not gone for that.
    if (post.begun && error.code !== 'TIMEOUT') this.#line.broke(error);
    this.#line.progressed();
  }

  #begin(post: RequestPost): void {
    this.#active += 1;
    this.#contact.writer.send(post, post.parcel, this.#contact.addressee.traffic);
  }

  /** With its earlier ones. */
  #abandon(post: RequestPost): void {
    for (let each: RequestPost | undefined = post; each; each = each.earlier) {
      if (each.settled) continue;
      each.abandon();
      this.#end(each);
    }
  }

  /** @returns whether it was the latest of its id */
  #end(post: RequestPost): boolean {
    this.#contact.hub.wheel.remove(post);
    if (post.begun) this.#active -= 1;
    if (post.repeated) this.#contact.hub.counters.postsRepeated += 1;
    const isLatest = this.#open.get(post.message.id) === post;
    if (isLatest) this.#open.delete(post);
    return isLatest;
  }

  /** @throws NetworkError RECEIVE_FAILED */
  #take({ message: { id } }: RequestPost, { messages, peer }: Arrived, isLatest: boolean): void {
    let isAnswered = !isLatest;
    for (const message of messages) {
      isAnswered ||= message.re === id;
      this.#line.arrived(message, peer);
    }
    if (!isAnswered) throw new NetworkError('RECEIVE_FAILED', `${peer.node} answered something else than it was asked`);
  }

  #undelivered({ message: { id } }: RequestPost, error: NetworkError): void {
    const { hub, addressee } = this.#contact;
    addressee.traffic.errors += 1;
    hub.emit({ type: 'undelivered', node: addressee.node, id, error });
  }
}
