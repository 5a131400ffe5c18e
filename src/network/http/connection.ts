import type { Socket } from 'node:net';
import { Deadline } from '../../base/deadline-wheel.js';
import { type HttpResponse, ResponseParser } from './response-parser.js';

/** What is written of a request. */
export interface Outgoing {
  readonly method: 'POST' | 'HEAD';
  /** First line and headers, each with its line end. */
  readonly head: string;
  readonly body: string | Uint8Array;
  readonly bytes: number;
}

/** How far a request had come when its connection ended. */
export interface Reached {
  /** There was a connection, so that the server may have read something of it. */
  readonly sent: boolean;
  /** The last byte of it was handed to the operating system; before that the server cannot have the whole of it. */
  readonly handed: boolean;
  /** Something had come in return. */
  readonly heard: boolean;
  /** The head of the response had come. */
  readonly answering: boolean;
  /** The connection had carried a request before this one. */
  readonly reused: boolean;
  readonly end: ConnectionEnd;
}

/** Closed or reset by the other side; failed in another way, or ended here; what has come is no response. */
export type ConnectionEnd = 'closed' | 'failed' | 'malformed';

/** Told once how a request has ended, and never before `ask` has returned. */
export interface Exchange {
  answered(response: HttpResponse): void;
  broken(error: Error, reached: Reached): void;
}

export interface ConnectionOwner {
  /** It is connected. */
  made(connection: Connection): void;
  /** Nothing is under way on it, and another request may follow. */
  idle(connection: Connection): void;
  /** Its time is over: for being made, or for idling. */
  expired(connection: Connection): void;
  /** It is of no use any more, though its socket may not be closed yet. */
  unusable(connection: Connection): void;
  /** Its socket is closed. @param byPeer not by this side */
  closed(connection: Connection, byPeer: boolean): void;
}

export interface ConnectionParts {
  readonly owner: ConnectionOwner;
  /** Being made. */
  readonly socket: Socket;
  /** The event that tells that it is made. */
  readonly ready: 'connect' | 'secureConnect';
  /** Whether it may carry more than one request. */
  readonly kept: boolean;
  /** Bytes of the body of a response. */
  readonly maxBytes: number;
}

const CLOSED: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

/** One socket to a server, which carries one request after the other. */
export class Connection extends Deadline {
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #parser: ResponseParser;
  readonly kept: boolean;
  /** It was made: only then can anything have been sent. */
  ready = false;
  #exchange: Exchange | undefined;
  /** Waits for the connection to be made. */
  #waiting: Outgoing | undefined;
  #requests = 0;
  #handed = false;
  #heard = false;
  #endedByPeer = false;

  constructor({ owner, socket, ready, kept, maxBytes }: ConnectionParts) {
    super();
    this.#owner = owner;
    this.#socket = socket;
    this.#parser = new ResponseParser(maxBytes);
    this.kept = kept;
    socket.once(ready, () => this.#connected());
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
    socket.once('end', () => this.#ended());
    socket.on('error', (error) => this.#failed(error));
    socket.once('close', () => this.#closed());
  }

  /** Sends a request, once the connection is made. Nothing may be under way on it. */
  ask(outgoing: Outgoing, exchange: Exchange): void {
    this.#exchange = exchange;
    this.#requests += 1;
    this.#handed = false;
    this.#heard = false;
    this.#parser.begin(outgoing.method === 'HEAD');
    if (this.ready) this.#write(outgoing);
    else this.#waiting = outgoing;
  }

  /** While it idles the process may end. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Ends it, and what is under way on it without a word. */
  abandon(): void {
    this.#exchange = undefined;
    this.destroy();
  }

  /** @param error what is under way on it fails with */
  destroy(error?: Error): void {
    this.#owner.unusable(this);
    this.#socket.destroy(error);
  }

  expire(): void {
    this.#owner.expired(this);
  }

  #connected(): void {
    this.ready = true;
    this.#owner.made(this);
    const outgoing = this.#waiting;
    this.#waiting = undefined;
    if (outgoing) this.#write(outgoing);
  }

  #write({ head, body, bytes }: Outgoing): void {
    const socket = this.#socket;
    const start = this.kept ? `${head}\r\n` : `${head}Connection: close\r\n\r\n`;
    // One byte for each character, if it is, is written faster, and in one piece.
    if (typeof body === 'string' && body.length === bytes) {
      socket.write(start + body, 'latin1', this.#written);
      return;
    }
    socket.cork();
    socket.write(start, 'latin1');
    if (typeof body === 'string') socket.write(body, 'utf8', this.#written);
    else socket.write(body, this.#written);
    socket.uncork();
  }

  readonly #written = (error?: Error | null): void => {
    if (!error) this.#handed = true;
  };

  #received(bytes: Buffer): void {
    if (this.#exchange === undefined) {
      // Nobody has asked for it.
      this.destroy();
      return;
    }
    this.#heard = true;
    let response: HttpResponse | undefined;
    try {
      response = this.#parser.push(bytes);
    } catch (error) {
      this.#break(error as Error, 'malformed');
    }
    if (response) this.#answered(response);
  }

  /** A response that comes before the request was handed over leaves a connection of which nobody knows what follows. */
  #answered(response: HttpResponse): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (this.kept && this.#handed && this.#parser.reusable) this.#owner.idle(this);
    else this.destroy();
    exchange?.answered(response);
  }

  #ended(): void {
    this.#endedByPeer = true;
    const response = this.#exchange && this.#parser.close();
    if (response) this.#answered(response);
    else this.#break(new Error('the other side has closed it'), 'closed');
  }

  #failed(error: Error): void {
    this.#endedByPeer = true;
    this.#break(error, CLOSED.has((error as NodeJS.ErrnoException).code ?? '') ? 'closed' : 'failed');
  }

  #closed(): void {
    this.#break(new Error('it was closed'), 'failed');
    this.#owner.closed(this, this.#endedByPeer);
  }

  #break(error: Error, end: ConnectionEnd): void {
    const exchange = this.#exchange;
    const reached = {
      sent: this.ready,
      handed: this.#handed,
      heard: this.#heard,
      answering: this.#parser.answering,
      reused: this.#requests > 1,
      end,
    };
    this.abandon();
    exchange?.broken(error, reached);
  }
}
