import { isPromise } from '../../base/deferred.js';
import { NetworkError } from '../../base/errors.js';
import { shownValue } from '../../message/guard.js';
import type { BodyAnnouncement } from '../../message/message.js';

/**
 * A byte stream that goes with a request or an event, of any length. Bytes, and what can be read again, go on where they
 * were if the connection is lost under way; what can be read only once (a Readable, a generator) ends with it.
 * A piece that was given must not be changed any more: it is not copied before it is written.
 */
export type Body = Uint8Array | AsyncIterable<Uint8Array> | ReadableBody;

/** Bytes that can be read from any offset on, as often as need be: a file. */
export interface ReadableBody {
  /** In bytes, if it is known: the receiver is told, and held to it. */
  readonly size?: number | undefined;
  /** The same bytes each time. The iteration is ended early (`return`) when no more is needed. */
  read(offset: number): AsyncIterable<Uint8Array>;
}

/** How far a body is. */
export interface BodyProgress {
  /** Bytes that were handed to the connection. */
  readonly sentBytes: number;
  /** Bytes that the receiver has said to have. */
  readonly acknowledgedBytes: number;
  /** Of the whole, if it is known. */
  readonly size: number | undefined;
}

export type ProgressListener = (progress: BodyProgress) => void;

/** A body as its sender uses it. */
export interface BodySource {
  readonly announcement: BodyAnnouncement;
  readonly resumable: boolean;
  /** @param offset 0 unless it is resumable */
  open(offset: number): Reading;
  /** Of what can be read only once: it will not be read, or no further. */
  close(): void;
}

/** One pass over the bytes. */
export interface Reading {
  next(): Promise<IteratorResult<Uint8Array>>;
  /** No more is needed; a `next` that waits may fail. */
  close(): void;
}

/** What of a Readable is needed here; other iterables have none of it. */
interface MaybeReadable extends AsyncIterable<Uint8Array> {
  readonly destroy?: () => void;
  /** Of the streams of the web, and of a body that came in. */
  readonly cancel?: () => unknown;
  readonly on?: (event: 'error', listener: () => void) => void;
}

/** What was read, of what can be read only once: a second time it would be empty, or begin in the middle. */
const used = new WeakSet<object>();

/** Whether it can be sent again after it was read. */
export const isRereadable = (body: Body): boolean => body instanceof Uint8Array || !(Symbol.asyncIterator in body);

/** Closes a body whose message has ended before anybody came to open it. */
export function discard(body: Body | undefined): void {
  if (typeof body === 'object' && Symbol.asyncIterator in body && !used.has(body)) onceReadable(body).close();
}

/** The end of a message that was refused before anything was done about its body. */
export function refusing(body: Body | undefined, error: NetworkError): Promise<never> {
  discard(body);
  return Promise.reject(error);
}

/** @throws NetworkError INVALID_OPTION: it is none of the forms of a body */
export function sourceOf(body: Body): BodySource {
  if (body instanceof Uint8Array) return rereadable({ size: body.length, read: (offset) => rest(body, offset) });
  if (typeof body === 'object' && body !== null) {
    // First of all: a Readable has a `read` as well, of another kind.
    if (Symbol.asyncIterator in body) return onceReadable(body);
    if (typeof body.read === 'function') return rereadable(body);
  }
  const rule = 'bytes (Uint8Array), a Readable or other AsyncIterable of bytes, or an object with read(offset)';
  throw new NetworkError('INVALID_OPTION', `body: ${shownValue(body)} is not ${rule}`);
}

function rereadable(body: ReadableBody): BodySource {
  const { size } = body;
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) {
    throw new NetworkError('INVALID_OPTION', `body.size: ${shownValue(size)} is not a whole number of bytes`);
  }
  return {
    announcement: { size, resumable: true },
    resumable: true,
    open: (offset) => readingOf(iterable(body.read(offset))),
    close: () => {},
  };
}

/** @throws NetworkError INVALID_OPTION if it is none */
function iterable(bytes: unknown): MaybeReadable {
  if (typeof bytes === 'object' && bytes !== null && Symbol.asyncIterator in bytes) return bytes as MaybeReadable;
  const isAsync = isPromise(bytes);
  if (isAsync) bytes.then(undefined, () => {});
  const hint = isAsync ? 'it must not be async itself: make it an async generator, or return a Readable' : undefined;
  const given = isAsync ? 'a promise' : shownValue(bytes);
  throw new NetworkError('INVALID_OPTION', `body.read: it has returned ${given}, and not an AsyncIterable of bytes`, {
    hint,
  });
}

function onceReadable(body: MaybeReadable): BodySource {
  // It may fail before anybody reads it, and that is told to whoever does.
  body.on?.('error', () => {});
  let isOurs = false;
  return {
    announcement: {},
    resumable: false,
    open() {
      if (used.has(body))
        throw new NetworkError('INVALID_OPTION', 'body: it was read before, and can be read only once');
      used.add(body);
      isOurs = true;
      return readingOf(body);
    },
    close() {
      // Another message may be reading it.
      if (isOurs || !used.has(body)) destroy(body);
    },
  };
}

function readingOf(bytes: MaybeReadable): Reading {
  bytes.on?.('error', () => {});
  const iterator = bytes[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    close() {
      // The iteration of a Readable that waits for bytes cannot be ended by `return` before they come.
      destroy(bytes);
      void quietly(async () => iterator.return?.());
    },
  };
}

function destroy(bytes: MaybeReadable): void {
  void quietly(async () => (bytes.destroy ? bytes.destroy() : bytes.cancel?.()));
}

/** Nobody wants these bytes any more, nor to hear of what goes wrong with them. */
const quietly = (act: () => Promise<unknown>): Promise<unknown> => act().catch(() => {});

async function* rest(bytes: Uint8Array, offset: number): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes.subarray(offset);
}
