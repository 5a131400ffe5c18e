import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Clock } from '../../base/clock.js';
import type { DeadlineWheel } from '../../base/deadline-wheel.js';
import { type Deferred, deferred } from '../../base/deferred.js';
import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import type { SendOutcome } from '../network.js';
import { Ahead } from './ahead.js';
import { Backlog } from './backlog.js';
import type { ByteStream, WholeBody } from './byte-stream.js';
import { Dues } from './dues.js';
import { ReceiveWindow } from './receive-window.js';
import { type BodyVerb, CANCEL, type Chunk, type End } from './wire.js';

/** What a body came with: a message in the hands of a handler. */
export interface BodyOwner {
  /** Bytes have come, or were taken: its time counts from now. */
  bodyGotOn(arrived: boolean): void;
  /** The sender wants no answer any more. */
  bodyGivenUp(error: NetworkError): void;
}

/** What the bodies that come in to a node share. */
export interface IncomingHost {
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly windowBytes: number;
  readonly resumeMs: number;
  readonly counters: { chunksRepeated: number; bodiesFailed: number };
  send(body: IncomingBody, verb: BodyVerb, payload: unknown): SendOutcome;
}

export interface Arriving {
  readonly message: NetworkMessage;
  /** Through whom it comes. */
  readonly peer: NodeId;
  readonly owner: BodyOwner;
}

type Result = IteratorResult<Uint8Array, undefined>;

const OVER: Result = { done: true, value: undefined };

/** A body on its way in. */
export class IncomingBody implements ByteStream {
  readonly message: NetworkMessage;
  readonly peer: NodeId;
  readonly #owner: BodyOwner;
  readonly #host: IncomingHost;
  readonly #window: ReceiveWindow;
  readonly #dues: Dues;
  readonly #hash = createHash('sha256');
  readonly #backlog = new Backlog();
  /** Made when something is missing before what has come. */
  #ahead: Ahead | undefined;
  readonly #readers: Deferred<Result>[] = [];
  #end: End | undefined;
  /** All of it has arrived and was right. */
  #whole: WholeBody | undefined;
  #failure: NetworkError | undefined;
  #finished: Deferred<WholeBody> | undefined;
  #iterated = false;
  #closed = false;

  constructor(host: IncomingHost, { message, peer, owner }: Arriving) {
    this.message = message;
    this.peer = peer;
    this.#owner = owner;
    this.#host = host;
    this.#window = new ReceiveWindow(host.windowBytes, message.body?.size, host.clock.now());
    const { clock, wheel } = host;
    const send = (verb: BodyVerb, payload: unknown): SendOutcome => host.send(this, verb, payload);
    this.#dues = new Dues({ clock, wheel, window: this.#window, send });
  }

  get size(): number | undefined {
    return this.message.body?.size;
  }

  get receivedBytes(): number {
    return this.#window.received;
  }

  get takenBytes(): number {
    return this.#window.taken;
  }

  get finished(): Promise<WholeBody> {
    if (this.#finished === undefined) {
      this.#finished = deferred();
      // Nobody may be waiting for it when it fails.
      this.#finished.promise.catch(() => {});
      this.#settle();
    }
    return this.#finished.promise;
  }

  /** The sender can come again with it, and would be waited for. */
  get resumable(): boolean {
    return this.message.body?.resumable === true && this.#host.resumeMs > 0;
  }

  /** Every byte was taken. */
  get isOver(): boolean {
    return this.#whole !== undefined && this.#backlog.empty;
  }

  /** Why it has ended before its end. */
  get failure(): NetworkError | undefined {
    return this.#failure;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    if (this.#iterated) throw new NetworkError('INVALID_OPTION', 'a body can be iterated only once');
    this.#iterated = true;
    return {
      next: () => this.#next(),
      return: async () => {
        this.cancel();
        return OVER;
      },
    };
  }

  cancel(reason = 'the handler wants no more of the body'): void {
    if (!this.isOver) this.fail(new NetworkError('CANCELLED', reason), 'tell');
  }

  /** Lets the sender begin, or go on. @param resend which repeat of its it is the answer to */
  admit(resend?: number): void {
    if (this.#failure) this.#host.send(this, CANCEL, this.#failure.toWire());
    else if (this.isOver) this.#dues.tellTaken();
    else this.#dues.tellCredit(resend);
  }

  chunk({ offset, crc, data }: Chunk): void {
    if (this.#failure || this.#closed) return;
    const place = this.#window.place(offset, data.length);
    if (place instanceof NetworkError) this.#violated(place);
    else if (place === 'known') this.#host.counters.chunksRepeated += 1;
    else if (crc32(data) !== crc) this.#violated(damaged(offset, data.length));
    else if (place === 'ahead') this.#keep(offset, data);
    else {
      this.#receive(offset, data);
      for (let next = this.#ahead?.take(this.receivedBytes); next; next = this.#ahead?.take(this.receivedBytes)) {
        this.#receive(next.offset, next.data);
      }
      this.#owner.bodyGotOn(true);
      this.#checkEnd();
    }
  }

  end(end: End): void {
    if (this.#failure || this.#closed) return;
    if (this.isOver) {
      // It has not heard of it.
      this.#dues.tellTaken();
      return;
    }
    const wrong = this.#window.endAt(end.size);
    if (wrong) {
      this.#violated(wrong);
      return;
    }
    this.#end = end;
    this.#owner.bodyGotOn(true);
    this.#checkEnd();
  }

  /** The sender wants no answer any more. */
  givenUp(error: NetworkError): void {
    this.fail(error, 'hush');
    this.#owner.bodyGivenUp(error);
  }

  /** Ends it before its end. Nothing, if it has ended. */
  fail(error: NetworkError, say: 'tell' | 'hush'): void {
    if (this.#failure || this.isOver) return;
    this.#failure = error;
    this.#dues.forget();
    this.#drop();
    if (say === 'tell') this.#host.send(this, CANCEL, error.toWire());
    for (const reader of this.#readers.splice(0)) reader.reject(error);
    this.#settle();
  }

  /** Its handler has ended: nothing more is taken in. */
  close(): void {
    this.#closed = true;
    this.#dues.close(this.message.kind === 'request');
  }

  /** What it still has to say is not said. */
  forget(): void {
    this.#dues.forget();
  }

  #receive(offset: number, data: Uint8Array): void {
    const known = this.receivedBytes - offset;
    const fresh = known > 0 ? data.subarray(known) : data;
    if (known >= data.length) return;
    this.#hash.update(fresh);
    this.#window.receive(fresh.length);
    const reader = this.#readers.shift();
    if (!reader) {
      this.#backlog.push(fresh);
      return;
    }
    this.#window.take(fresh.length);
    reader.resolve({ done: false, value: fresh });
    this.#dues.tellIfDue();
  }

  #keep(offset: number, data: Uint8Array): void {
    this.#ahead ??= new Ahead(this.#host.windowBytes);
    this.#ahead.add(offset, data);
  }

  #checkEnd(): void {
    const end = this.#end;
    if (end === undefined || this.#whole || end.size !== this.receivedBytes) return;
    const sha256 = this.#hash.digest('hex');
    if (sha256 !== end.sha256) {
      const text = `the body arrived damaged: its SHA-256 is ${sha256}, the sender says ${end.sha256}`;
      this.#violated(new NetworkError('DESERIALIZATION', text));
      return;
    }
    this.#whole = { size: end.size, sha256 };
    this.#ahead = undefined;
    if (this.#backlog.empty) this.#over();
  }

  #next(): Promise<Result> {
    if (this.#failure) return Promise.reject(this.#failure);
    const piece = this.#backlog.shift();
    if (piece !== undefined) {
      this.#window.take(piece.length);
      this.#owner.bodyGotOn(false);
      if (this.isOver) this.#over();
      else this.#dues.tellIfDue();
      return Promise.resolve({ done: false, value: piece });
    }
    if (this.#whole) return Promise.resolve(OVER);
    const reader = deferred<Result>();
    this.#readers.push(reader);
    return reader.promise;
  }

  /** The last byte was taken, and all was right. */
  #over(): void {
    this.#dues.tellTaken();
    for (const reader of this.#readers.splice(0)) reader.resolve(OVER);
    this.#settle();
  }

  #settle(): void {
    if (this.#failure) this.#finished?.reject(this.#failure);
    else if (this.#whole && this.isOver) this.#finished?.resolve(this.#whole);
  }

  #violated(error: NetworkError): void {
    this.#host.counters.bodiesFailed += 1;
    this.fail(error, 'tell');
  }

  #drop(): void {
    this.#backlog.clear();
    this.#ahead = undefined;
  }
}

const damaged = (offset: number, length: number): NetworkError =>
  new NetworkError(
    'DESERIALIZATION',
    `bytes ${offset} to ${offset + length} of the body arrived damaged: wrong CRC-32`,
  );
