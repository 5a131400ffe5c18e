import { type BodyEnd, bodyEndOf, parseHead, type ResponseHead } from './response-head.js';

/** What a server has answered. */
export interface HttpResponse {
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Bytes of all heads of a response, those of the provisional ones before it included; and of its trailers. */
const MAX_HEAD_BYTES = 16 * 1024;
/** Bytes of the line before a chunk. */
const MAX_CHUNK_LINE_BYTES = 1024;
/** Pieces of a body are put together when there are so many: each takes memory beside its bytes, which may be few. */
const MAX_PIECES = 1024;
const HEAD_END = '\r\n\r\n';
const LINE_END = '\r\n';
const CHUNK_LINE = /^([0-9a-f]{1,8})[ \t]*(?:;[^\r\n\0]*)?$/i;
const NO_BYTES: Buffer = Buffer.alloc(0);

/** What is read next. */
type State = 'head' | 'bytes' | 'chunk line' | 'chunk' | 'chunk end' | 'trailers' | 'done';

/** Reads the responses of one HTTP/1 connection, one after the other, in whatever pieces they come. */
export class ResponseParser {
  readonly #maxBodyBytes: number;
  #state: State = 'done';
  #bodiless = false;
  #head: ResponseHead | undefined;
  #end: BodyEnd = 0;
  /** What has come and could not be read yet. */
  #input: Buffer = NO_BYTES;
  #at = 0;
  #headBytes = 0;
  /** Of what is being read, how much has not come. */
  #missing = 0;
  #bodyBytes = 0;
  #first: Buffer | undefined;
  #rest: Buffer[] | undefined;

  /** @param maxBodyBytes of one response */
  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** A response is expected. @param bodiless to a request whose response has no body, as HEAD is */
  begin(bodiless: boolean): void {
    this.#state = 'head';
    this.#bodiless = bodiless;
    this.#head = undefined;
    this.#headBytes = 0;
    this.#bodyBytes = 0;
    this.#first = undefined;
    this.#rest = undefined;
  }

  /** The head of the response has come. */
  get answering(): boolean {
    return this.#head !== undefined;
  }

  /** Whether another response can follow: the last one was whole, and nothing that nobody asked for came after it. */
  get reusable(): boolean {
    const isOver = this.#state === 'done' && this.#end !== 'close';
    return isOver && this.#input.length === 0 && this.#head?.persistent === true;
  }

  /** @returns the response, once it is whole @throws Error what comes is none, or is larger than it may be */
  push(bytes: Buffer): HttpResponse | undefined {
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
    this.#at = 0;
    while (this.#step());
    this.#input = this.#at === this.#input.length ? NO_BYTES : this.#input.subarray(this.#at);
    return this.#state === 'done' ? this.#response() : undefined;
  }

  /** The connection has ended. @returns the response, if that was its end */
  close(): HttpResponse | undefined {
    if (this.#state !== 'bytes' || this.#end !== 'close') return undefined;
    this.#state = 'done';
    return this.#response();
  }

  /** @returns whether there may be more to read in what has come */
  #step(): boolean {
    switch (this.#state) {
      case 'head':
        return this.#readHead();
      case 'bytes':
      case 'chunk':
        return this.#readBytes();
      case 'chunk line':
        return this.#readChunkLine();
      case 'chunk end':
        return this.#readChunkEnd();
      case 'trailers':
        return this.#readTrailer();
      case 'done':
        return false;
    }
  }

  #readHead(): boolean {
    const text = this.#take(HEAD_END, MAX_HEAD_BYTES - this.#headBytes, 'headers');
    if (text === undefined) return false;
    this.#headBytes += text.length + HEAD_END.length;
    const head = parseHead(text);
    // Provisional: the response itself is to follow.
    if (head.status < 200 && head.status !== 101) return true;
    if (head.status === 101) throw new Error('it changes the protocol');
    this.#head = head;
    this.#end = bodyEndOf(head, this.#bodiless);
    if (this.#end === 'chunked') this.#state = 'chunk line';
    else this.#expect('bytes', this.#end === 'close' ? Number.POSITIVE_INFINITY : this.#end);
    return true;
  }

  #readBytes(): boolean {
    const bytes = this.#input.length - this.#at;
    if (bytes < this.#missing) {
      if (bytes > 0) this.#keep(bytes);
      return false;
    }
    if (this.#missing > 0) this.#keep(this.#missing);
    this.#state = this.#state === 'chunk' ? 'chunk end' : 'done';
    return true;
  }

  #readChunkLine(): boolean {
    const line = this.#take(LINE_END, MAX_CHUNK_LINE_BYTES, 'line before a chunk');
    if (line === undefined) return false;
    const match = CHUNK_LINE.exec(line);
    if (match === null) throw new Error('the line before a chunk is none');
    const bytes = Number.parseInt(match[1] as string, 16);
    if (bytes === 0) this.#state = 'trailers';
    else this.#expect('chunk', bytes);
    return true;
  }

  #readChunkEnd(): boolean {
    const line = this.#take(LINE_END, 0, 'chunk');
    if (line === undefined) return false;
    this.#state = 'chunk line';
    return true;
  }

  /** Nothing in them is of use. */
  #readTrailer(): boolean {
    const line = this.#take(LINE_END, MAX_HEAD_BYTES - this.#headBytes, 'trailers');
    if (line === undefined) return false;
    this.#headBytes += line.length + LINE_END.length;
    if (line === '') this.#state = 'done';
    return true;
  }

  #expect(state: 'bytes' | 'chunk', bytes: number): void {
    if (Number.isFinite(bytes)) this.#room(bytes);
    this.#state = state;
    this.#missing = bytes;
  }

  /** @throws Error the body would be larger than it may be */
  #room(bytes: number): void {
    if (this.#bodyBytes + bytes > this.#maxBodyBytes) throw new Error(`it has more than ${this.#maxBodyBytes} bytes`);
  }

  #keep(bytes: number): void {
    this.#room(bytes);
    const piece = this.#input.subarray(this.#at, this.#at + bytes);
    this.#at += bytes;
    this.#missing -= bytes;
    this.#bodyBytes += bytes;
    if (this.#first === undefined) this.#first = piece;
    else if (this.#rest === undefined) this.#rest = [this.#first, piece];
    else if (this.#rest.push(piece) === MAX_PIECES) this.#rest = [Buffer.concat(this.#rest)];
  }

  /** The text up to an end that has come, without that; undefined if it has not. @throws Error it is longer than it may be */
  #take(end: string, maxBytes: number, what: string): string | undefined {
    const index = this.#input.indexOf(end, this.#at, 'latin1');
    const bytes = index < 0 ? this.#input.length - this.#at - end.length : index - this.#at;
    if (bytes > maxBytes) throw new Error(`its ${what} is longer than it may be`);
    if (index < 0) return undefined;
    const text = this.#input.toString('latin1', this.#at, index);
    this.#at = index + end.length;
    return text;
  }

  #response(): HttpResponse {
    const { status, headers } = this.#head as ResponseHead;
    const body = this.#rest ? Buffer.concat(this.#rest) : (this.#first ?? NO_BYTES);
    this.#first = undefined;
    this.#rest = undefined;
    return { status, headers, body };
  }
}
