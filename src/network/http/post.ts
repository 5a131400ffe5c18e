import {
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Deadline } from '../../base/deadline-wheel.js';
import { NetworkError, NetworkTimeoutError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { BaseUrl } from './base-url.js';
import { REPEAT_HEADER } from './card.js';
import type { Connector } from './connector.js';
import { postError, unsent } from './failure.js';
import { encodingOf } from './media.js';

/** Where what is for one node goes. */
export interface PostTarget {
  readonly node: NodeId;
  readonly url: BaseUrl;
  readonly path: string;
  readonly secure: boolean;
  readonly connector: Connector;
  /** Bytes of an answer. */
  readonly maxBytes: number;
}

export interface PostAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Told once how a POST has ended, unless it was given up. */
export interface PostOwner {
  answered(post: Post, answer: PostAnswer): void;
  failed(post: Post, error: NetworkError): void;
}

export interface Sending {
  readonly method: 'POST' | 'HEAD';
  readonly headers: readonly string[];
  readonly body: string | Uint8Array;
  readonly bytes: number;
  /** On a socket of its own. */
  readonly fresh: boolean;
}

const NO_BYTES = Buffer.alloc(0);

/** One HTTP request to a node: begun, then answered, failed or given up. */
export class Post extends Deadline {
  readonly #owner: PostOwner;
  readonly #target: PostTarget;
  #sending: Sending | undefined;
  #request: ClientRequest | undefined;
  #answering = false;
  #repeated = false;
  #settled = false;
  #first: Buffer | undefined;
  #rest: Buffer[] | undefined;
  #received = 0;

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

  /** Its owner is never told within this call. @throws what Node has against the headers */
  begin(sending: Sending): void {
    this.#sending = sending;
    this.#send(sending);
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
    this.#request?.destroy();
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

  #send({ method, headers, body, bytes, fresh }: Sending): void {
    const { url, path, secure, connector } = this.#target;
    const agent = fresh ? connector.fresh : connector.agent;
    // A list of headers is written as it stands.
    const list = headers as unknown as Record<string, string>;
    const options: RequestOptions = { agent, host: url.host, port: url.port, path, method, headers: list };
    const request = secure ? httpsRequest(options) : httpRequest(options);
    this.#request = request;
    request.on('response', (response) => this.#answered(response));
    request.on('error', (error) => this.#broken(request, error));
    request.end(body, encodingOf(body, bytes));
  }

  /**
   * A server may end a kept socket in the moment in which it is used again. Nothing of an answer has come, and the
   * socket is an old one: most likely nobody has read the request, so it is made once more, on a new socket; the node
   * knows if it has read it after all.
   */
  #repeat(request: ClientRequest, error: NodeJS.ErrnoException): boolean {
    if (this.#sending === undefined || this.#repeated || this.#answering || !request.reusedSocket) return false;
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') return false;
    this.#repeated = true;
    const { headers } = this.#sending;
    this.#send({ ...this.#sending, headers: [...headers, REPEAT_HEADER, '1'], fresh: true });
    return true;
  }

  #broken(request: ClientRequest, error: Error): void {
    if (this.#settled || request !== this.#request || this.#repeat(request, error)) return;
    const { node, url, connector } = this.#target;
    const sent = connector.wasReady(request.socket);
    const handed = request.writableFinished;
    const progress = { node, address: url.text, sent, handed, answering: this.#answering, repeated: this.#repeated };
    this.fail(postError(error, progress));
  }

  #answered(response: IncomingMessage): void {
    this.#answering = true;
    const request = this.#request as ClientRequest;
    response.on('data', (chunk: Buffer) => this.#collect(chunk));
    response.on('end', () => this.#complete(response));
    response.on('error', (error) => this.#broken(request, error));
  }

  #collect(chunk: Buffer): void {
    this.#received += chunk.length;
    if (this.#received > this.#target.maxBytes) {
      const { node, maxBytes } = this.#target;
      this.fail(new NetworkError('RECEIVE_FAILED', `the answer of ${node} has more than ${maxBytes} bytes`, { node }));
    } else if (this.#first === undefined) this.#first = chunk;
    else if (this.#rest === undefined) this.#rest = [this.#first, chunk];
    else this.#rest.push(chunk);
  }

  #complete(response: IncomingMessage): void {
    if (this.#settled) return;
    this.#settled = true;
    const body = this.#rest ? Buffer.concat(this.#rest) : (this.#first ?? NO_BYTES);
    this.#owner.answered(this, { status: response.statusCode ?? 0, headers: response.headers, body });
  }
}
