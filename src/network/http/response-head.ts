/** The first line of a response and what follows it, up to the body. */
export interface ResponseHead {
  readonly status: number;
  /** By their names in lower case; what comes more than once is joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
  /** The server keeps the connection for another request. */
  readonly persistent: boolean;
}

/** Where a body ends: after so many bytes, with its last chunk, or with the connection. */
export type BodyEnd = number | 'chunked' | 'close';

/** The lines of a head, each with its end; a value may still have spaces behind it. */
const STATUS_LINE = /HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\0\r\n]*)?(?:\r\n|$)/y;
const HEADER_LINE = /([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\0\r\n]*)(?:\r\n|$)/y;
const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;
const KEEP_ALIVE = /(?:^|,)[ \t]*keep-alive[ \t]*(?:,|$)/i;
const LENGTH = /^\d{1,15}$/;
const NO_BODY: ReadonlySet<number> = new Set([204, 304]);

/** @param text without the empty line at its end @throws Error it is no HTTP/1 */
export function parseHead(text: string): ResponseHead {
  STATUS_LINE.lastIndex = 0;
  const first = STATUS_LINE.exec(text);
  if (first === null) throw new Error('its first line is not that of HTTP/1.1');
  const headers = headersFrom(text, STATUS_LINE.lastIndex);
  return { status: Number(first[2]), headers, persistent: isPersistent(headers.get('connection'), first[1] === '1') };
}

function headersFrom(text: string, start: number): Map<string, string> {
  const headers = new Map<string, string>();
  for (let at = start; at < text.length; at = HEADER_LINE.lastIndex) {
    HEADER_LINE.lastIndex = at;
    const line = HEADER_LINE.exec(text);
    // Also one that goes on with the line before: it begins with a space, which no name does.
    if (line === null) throw new Error('a line of its headers is none');
    const name = (line[1] as string).toLowerCase();
    const value = (line[2] as string).trimEnd();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

const isPersistent = (connection: string | undefined, isCurrent: boolean): boolean =>
  connection === undefined ? isCurrent : !CLOSE.test(connection) && (isCurrent || KEEP_ALIVE.test(connection));

/**
 * Where the body of a response ends (RFC 9112, 6.3). Whatever two readers could take in two ways is refused.
 * @param bodiless the request was such that its response has none
 * @throws Error it cannot be told
 */
export function bodyEndOf({ status, headers }: ResponseHead, bodiless: boolean): BodyEnd {
  if (bodiless || NO_BODY.has(status)) return 0;
  const coding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (coding !== undefined) {
    if (length !== undefined) throw new Error('it has a length and a transfer coding');
    if (coding.toLowerCase() !== 'chunked') throw new Error('its transfer coding is not chunked');
    return 'chunked';
  }
  if (length === undefined) return 'close';
  if (!LENGTH.test(length)) throw new Error('its length is no number');
  return Number(length);
}
