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

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: .*)?$/;
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;
/** What a line may not hold. */
const CONTROL = /[\0\r\n]/;
const LENGTH = /^\d{1,15}$/;
const NO_BODY: ReadonlySet<number> = new Set([204, 304]);

/** @param text without the empty line at its end @throws Error it is no HTTP/1 */
export function parseHead(text: string): ResponseHead {
  const lines = text.split('\r\n');
  const [first = ''] = lines;
  const match = STATUS_LINE.exec(first);
  if (match === null || CONTROL.test(first)) throw new Error('its first line is not that of HTTP/1.1');
  const headers = new Map<string, string>();
  for (let i = 1; i < lines.length; i += 1) addHeader(headers, lines[i] as string);
  return { status: Number(match[2]), headers, persistent: isPersistent(headers.get('connection'), match[1] === '1') };
}

function addHeader(headers: Map<string, string>, line: string): void {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(colon, 0));
  // A line that goes on with the one before begins with a space, which no name does.
  if (!TOKEN.test(name) || CONTROL.test(line)) throw new Error('a line of its headers is none');
  const key = name.toLowerCase();
  const value = line.slice(colon + 1).trim();
  const before = headers.get(key);
  headers.set(key, before === undefined ? value : `${before}, ${value}`);
}

function isPersistent(connection: string | undefined, isCurrent: boolean): boolean {
  if (connection === undefined) return isCurrent;
  const options = connection.toLowerCase().split(/[ \t]*,[ \t]*/);
  return !options.includes('close') && (isCurrent || options.includes('keep-alive'));
}

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
