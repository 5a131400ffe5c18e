import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Clock } from '../../base/clock.js';
import { type Deferred, deferred } from '../../base/deferred.js';
import { isNetworkError, messageOf, NetworkError } from '../../base/errors.js';
import type { SendOutcome } from '../network.js';
import type { BodySource } from './body.js';
import { ChunkReader } from './chunk-reader.js';
import type { SendWindow } from './send-window.js';
import { CHUNK, type Chunk, END, type End } from './wire.js';

/** Whom a feed works for. */
export interface FeedOwner {
  readonly clock: Clock;
  /** Nothing hinders it but the window. */
  readonly ready: boolean;
  send(verb: typeof CHUNK | typeof END, payload: Chunk | End): SendOutcome;
  /** Bytes were read that the receiver has already, for the hash of the whole. */
  caughtUp(): void;
  failed(error: NetworkError): void;
}

/** One pass over the source. */
interface Pass {
  readonly reader: ChunkReader;
  /** The first byte that has not been sent in this pass. */
  next: number;
}

/** Reads a source and sends it as chunks, as the window allows; from another offset on when it is told to. */
export class Feed {
  readonly #owner: FeedOwner;
  readonly #source: BodySource;
  readonly #window: SendWindow;
  readonly #hash = createHash('sha256');
  /** Everything before this is in the hash. */
  #hashed = 0;
  #pass: Pass | undefined;
  #end: End | undefined;
  /** Of whoever waits for leave to send. */
  #change: Deferred<void> | undefined;

  constructor(owner: FeedOwner, source: BodySource, window: SendWindow) {
    this.#owner = owner;
    this.#source = source;
    this.#window = window;
  }

  /** Once the source has come to its end. */
  get end(): End | undefined {
    return this.#end;
  }

  /** Goes on at this offset, wherever it was. */
  goOn(at: number): void {
    if (this.#end && at >= this.#end.size) {
      if (at > this.#end.size) this.#owner.failed(beyond(at, this.#end.size));
      else this.#owner.send(END, this.#end);
      return;
    }
    if (this.#pass?.next === at) return;
    if (this.#pass && !this.#source.resumable) {
      this.#owner.failed(new NetworkError('CLOSED', `bytes from ${at} on were lost, and cannot be read again`));
      return;
    }
    this.pause();
    this.#open(at);
  }

  /** Reads and sends nothing more until `goOn`. */
  pause(): void {
    this.#pass?.reader.close();
    this.#pass = undefined;
    this.wake();
  }

  /** For good. */
  close(): void {
    this.pause();
    this.#source.close();
  }

  /** More may be sent than before. */
  wake(): void {
    this.#change?.resolve();
    this.#change = undefined;
  }

  #open(at: number): void {
    // What was sent by somebody who began before us has to be read all the same, for the hash.
    const from = Math.min(at, this.#hashed);
    try {
      const reader = new ChunkReader(this.#source.open(from), this.#owner.clock);
      this.#pass = { reader, next: at };
      void this.#run(this.#pass, from);
    } catch (error) {
      this.#owner.failed(unreadable(error));
    }
  }

  async #run(pass: Pass, from: number): Promise<void> {
    const { reader } = pass;
    try {
      for (let at = from; ; ) {
        // One chunk ahead of what may be sent, or the end would be found too late.
        if (at >= pass.next && !(await this.#mayGo(reader, at))) return;
        const chunk = await reader.next(this.#window.chunkBytes);
        if (reader.closed) return;
        if (chunk === undefined) {
          await this.#sendEnd(pass, at);
          return;
        }
        this.#checkSize(at + chunk.length);
        if (!(await this.#deliver(pass, at, chunk))) return;
        this.#digest(at, chunk);
        at += chunk.length;
      }
    } catch (error) {
      if (!reader.closed) this.#owner.failed(unreadable(error));
    }
  }

  /** Sends what of a chunk is to be sent. @returns false if the pass has been closed meanwhile */
  async #deliver(pass: Pass, at: number, chunk: Uint8Array): Promise<boolean> {
    const end = at + chunk.length;
    while (pass.next < end) {
      const size = Math.min(end - pass.next, this.#window.chunkBytes);
      if (!(await this.#mayGo(pass.reader, pass.next + size))) return false;
      const start = pass.next - at;
      const data = size === chunk.length ? chunk : chunk.subarray(start, start + size);
      const outcome = this.#owner.send(CHUNK, { offset: pass.next, crc: crc32(data), data });
      if (outcome === 'queued') {
        pass.next += size;
        this.#window.sentUpTo(pass.next);
      } else if (outcome === 'TOO_LARGE' && !this.#window.tooLarge(size)) {
        throw new NetworkError('TOO_LARGE', 'the receiver takes no frame with even a byte of a body');
      }
    }
    return true;
  }

  /** Resolves when the bytes before `end` may be sent. @returns false if the pass has been closed meanwhile */
  async #mayGo(reader: ChunkReader, end: number): Promise<boolean> {
    while (!reader.closed) {
      if (this.#window.admits(end) && this.#owner.ready) return true;
      this.#change ??= deferred();
      await this.#change.promise;
    }
    return false;
  }

  #digest(at: number, chunk: Uint8Array): void {
    const end = at + chunk.length;
    if (end <= this.#hashed) return;
    this.#hash.update(at === this.#hashed ? chunk : chunk.subarray(this.#hashed - at));
    this.#hashed = end;
    if (end <= this.#window.acknowledged) this.#owner.caughtUp();
  }

  #checkSize(end: number): void {
    const { size } = this.#source.announcement;
    if (size === undefined || end <= size) return;
    throw new NetworkError('INVALID_OPTION', `body: it has more than the ${size} bytes that its size says`);
  }

  async #sendEnd(pass: Pass, at: number): Promise<void> {
    const { size } = this.#source.announcement;
    if (at < pass.next) throw beyond(pass.next, at);
    if (size !== undefined && at < size) {
      throw new NetworkError('INVALID_OPTION', `body: it has ${at} bytes, not the ${size} that its size says`);
    }
    if (at < this.#hashed) {
      throw new NetworkError('INVALID_OPTION', `body: it has ${at} bytes, fewer than when it was read before`);
    }
    this.#end ??= { size: at, sha256: this.#hash.digest('hex') };
    while (await this.#mayGo(pass.reader, at)) if (this.#owner.send(END, this.#end) === 'queued') return;
  }
}

function unreadable(thrown: unknown): NetworkError {
  if (isNetworkError(thrown)) return thrown;
  return new NetworkError('IO', `the body cannot be read: ${messageOf(thrown)}`, { cause: thrown });
}

const beyond = (at: number, size: number): NetworkError =>
  new NetworkError('INVALID_MESSAGE', `the receiver claims to have ${at} bytes of a body of ${size}`);
