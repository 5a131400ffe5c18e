import type { IncomingMessage } from 'node:http';

const NO_BYTES = Buffer.alloc(0);
/** What is left of a body that is not wanted is read, up to so many bytes: else the answer might not arrive. */
const MAX_UNWANTED_BYTES = 4 * 1024 * 1024;
/** Bodies above this count for the bound of all together. */
const LARGE_BYTES = 64 * 1024;

export interface BodyEnd {
  complete(body: Buffer): void;
  /** It is larger than a body may be. */
  tooLarge(): void;
  /** Too much is being read of all bodies together. */
  tooMuch(): void;
}

/** The bytes that a request says that it has; undefined if it does not say. */
export function declaredBytes({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

/** Reads the bodies of requests, each up to a bound and all of them together. */
export class Bodies {
  readonly #maxBytes: number;
  readonly #maxAllBytes: number;
  /** Reserved for those of the large ones that are being read. */
  #reserved = 0;
  readonly #reserving = new WeakSet<IncomingMessage>();

  /** @param maxAllBytes of large ones, all together */
  constructor(maxBytes: number, maxAllBytes: number) {
    this.#maxBytes = maxBytes;
    this.#maxAllBytes = maxAllBytes;
  }

  /** Nobody is told if the client goes away before the end. */
  read(request: IncomingMessage, end: BodyEnd): void {
    if ((declaredBytes(request) ?? 0) > LARGE_BYTES && !this.#reserve(request)) {
      discardBody(request);
      end.tooMuch();
      return;
    }
    this.#collect(request, end);
  }

  #collect(request: IncomingMessage, end: BodyEnd): void {
    let first: Buffer | undefined;
    let rest: Buffer[] | undefined;
    let bytes = 0;
    const stop = (tell: () => void): void => {
      first = undefined;
      rest = undefined;
      request.off('data', collect);
      request.off('end', complete);
      discardBody(request);
      tell();
    };
    const collect = (chunk: Buffer): void => {
      const before = bytes;
      bytes += chunk.length;
      if (bytes > this.#maxBytes) stop(end.tooLarge);
      else if (before <= LARGE_BYTES && bytes > LARGE_BYTES && !this.#reserve(request)) stop(end.tooMuch);
      else if (first === undefined) first = chunk;
      else if (rest === undefined) rest = [first, chunk];
      else rest.push(chunk);
    };
    const complete = (): void => end.complete(rest ? Buffer.concat(rest) : (first ?? NO_BYTES));
    request.on('data', collect);
    request.on('end', complete);
  }

  /** Until the request is over: as much as it says, or as it may have. @returns whether there is room */
  #reserve(request: IncomingMessage): boolean {
    if (this.#reserving.has(request)) return true;
    const bytes = declaredBytes(request) ?? this.#maxBytes;
    if (this.#reserved > 0 && this.#reserved + bytes > this.#maxAllBytes) return false;
    this.#reserved += bytes;
    this.#reserving.add(request);
    request.once('close', () => {
      this.#reserved -= bytes;
    });
    return true;
  }
}

/** Reads the rest of a body that is not wanted; a client that goes on for too long loses its socket. */
export function discardBody(request: IncomingMessage): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_UNWANTED_BYTES) request.socket.destroy();
  });
}
