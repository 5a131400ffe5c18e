import type { IncomingMessage } from 'node:http';

const NO_BYTES = Buffer.alloc(0);
/** What is left of a body that is not wanted is read, up to so many bytes: else the answer might not arrive. */
const MAX_UNWANTED_BYTES = 4 * 1024 * 1024;

export interface BodyEnd {
  complete(body: Buffer): void;
  tooLarge(): void;
}

/** The bytes that a request says that it has; undefined if it does not say. */
export function declaredBytes({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

/** Reads the body, up to a bound; neither is called if the client goes away before. */
export function readBody(request: IncomingMessage, maxBytes: number, end: BodyEnd): void {
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let bytes = 0;
  const collect = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      first = undefined;
      rest = undefined;
      request.off('data', collect);
      request.off('end', complete);
      discardBody(request);
      end.tooLarge();
    } else if (first === undefined) first = chunk;
    else if (rest === undefined) rest = [first, chunk];
    else rest.push(chunk);
  };
  const complete = (): void => end.complete(rest ? Buffer.concat(rest) : (first ?? NO_BYTES));
  request.on('data', collect);
  request.on('end', complete);
}

/** Reads the rest of a body that is not wanted; a client that goes on for too long loses its socket. */
export function discardBody(request: IncomingMessage): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_UNWANTED_BYTES) request.socket.destroy();
  });
}
