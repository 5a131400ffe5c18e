import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../base/clock.js';
import { type ErrorCode, NetworkError } from '../../base/errors.js';
import type { Frame } from '../../message/codec.js';
import type { FrameLink, LinkOwner } from '../framed/frame-link.js';
import type { OpenLinks } from '../framed/open-links.js';
import type { SpareBuffer } from '../framed/spare-buffer.js';
import { FrameReader } from './frame-reader.js';
import { writeFrame } from './frame-writer.js';

/** What the links of a network share. */
export interface LinkBounds {
  readonly clock: Clock;
  readonly links: OpenLinks;
  readonly spare: SpareBuffer;
  readonly maxFrameBytes: number;
  /** How long a peer has to end its side once this one has. */
  readonly closeTimeoutMs: number;
}

/** A TCP socket, or TLS over one, that carries frames. */
export class TcpLink implements FrameLink {
  readonly #socket: Socket;
  readonly #bounds: LinkBounds;
  readonly #reader: FrameReader;
  #owner: LinkOwner | undefined;
  /** Frames flow both ways. */
  #open = false;
  /** How the socket failed. */
  #failure: string | undefined;
  #deadline: Timer | undefined;

  /**
   * @param socket from its first moment on, so that it is among the links until it is closed
   * @param maxGreetingBytes of a frame, until the greeting is over
   */
  constructor(socket: Socket, bounds: LinkBounds, maxGreetingBytes: number = bounds.maxFrameBytes) {
    this.#socket = socket;
    this.#bounds = bounds;
    this.#reader = new FrameReader(Math.min(maxGreetingBytes, bounds.maxFrameBytes), bounds.spare);
    bounds.links.add(this);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure = error.code ?? error.message;
    });
    socket.on('close', () => this.#closed());
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get bufferedAmount(): number {
    return this.#socket.writableLength;
  }

  link(owner: LinkOwner): void {
    this.#owner = owner;
    this.#open = true;
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('end', () => this.#ended());
  }

  greeted(): void {
    this.#reader.maxBytes = this.#bounds.maxFrameBytes;
  }

  writeFrame(frame: Frame, bytes: number, tail?: Uint8Array): void {
    writeFrame(this.#socket, { frame, bytes, tail });
  }

  onceDrained(listener: () => void): void {
    this.#socket.once('drain', listener);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  leave(): void {
    this.#end();
  }

  refuse(): void {
    this.#end();
  }

  terminate(): void {
    this.#open = false;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    // What still comes after the end is read, or it would reset the connection, and with it our last words.
    if (!this.#open || this.#socket.destroyed) return;
    const reader = this.#reader;
    reader.push(chunk);
    try {
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        reader.done(this.#owner?.received(frame) === false);
        if (!this.#open) return;
      }
    } catch (error) {
      this.#broken(error);
    }
  }

  #broken(error: unknown): void {
    const { code, message } = error as NetworkError;
    const known: ErrorCode = error instanceof NetworkError ? code : 'INTERNAL';
    this.#owner?.broken(known, new Error(message));
    this.#end();
  }

  /** The peer will send nothing more. There is no use for half a connection. */
  #ended(): void {
    if (!this.#open) return;
    this.#end();
    this.#owner?.closed(this.#reader.partial ? ' in the middle of a frame' : '');
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.end();
    if (this.#socket.destroyed) return;
    this.#deadline = this.#bounds.clock.setTimer(this.#bounds.closeTimeoutMs, () => this.#socket.destroy());
  }

  #closed(): void {
    this.#open = false;
    this.#deadline?.cancel();
    this.#bounds.links.delete(this);
    this.#owner?.closed(this.#failure === undefined ? '' : ` (${this.#failure})`);
  }
}
