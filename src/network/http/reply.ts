import type { ServerResponse } from 'node:http';
import type { NetworkError } from '../../base/errors.js';
import { CARD_HEADER } from './card.js';
import type { Hub } from './hub.js';
import { compressed, encodingOf, JSON_TYPE } from './media.js';
import { RETRY_AFTER_S, statusOf } from './status.js';

export interface Content {
  readonly type: string;
  readonly data: string | Uint8Array;
  readonly bytes: number;
}

export interface ErrorOptions {
  /** @default that of the error's code */
  readonly status?: number | undefined;
  readonly headers?: readonly string[] | undefined;
}

/** Whether a request whose answer this is could be made again later. */
const isForNow = (status: number): boolean => status === 429 || status === 503;

/** Writes the answers of one network: head and body in one piece. */
export class Replies {
  readonly #hub: Hub;

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  /** @param gzip whether the other side reads it @returns bytes of the body as it is sent */
  content(response: ServerResponse, { type, data, bytes }: Content, gzip: boolean): number {
    const { card, options, limits } = this.#hub;
    const packed = gzip && options.compression && bytes >= limits.minCompressedBytes && compressed(data, bytes);
    const body = packed || data;
    const length = packed ? packed.length : bytes;
    const headers = [CARD_HEADER, card, 'Content-Type', type, 'Content-Length', `${length}`];
    if (packed) headers.push('Content-Encoding', 'gzip', 'Vary', 'Accept-Encoding');
    response.writeHead(200, this.#ending(headers));
    response.end(body, encodingOf(body, length));
    return length;
  }

  nothing(response: ServerResponse): void {
    response.writeHead(204, this.#ending([CARD_HEADER, this.#hub.card]));
    response.end();
  }

  error(response: ServerResponse, error: NetworkError, { status, headers = [] }: ErrorOptions = {}): void {
    if (response.headersSent || response.destroyed) return;
    const code = status ?? statusOf(error.code);
    const body = `${JSON.stringify(error.toWire())}\n`;
    const all = [CARD_HEADER, this.#hub.card, 'Content-Type', JSON_TYPE, ...headers];
    if (isForNow(code)) all.push('Retry-After', `${RETRY_AFTER_S}`);
    response.writeHead(code, this.#ending([...all, 'Content-Length', `${Buffer.byteLength(body)}`]));
    response.end(body);
  }

  /** While the node stops, each answer is the last one of its socket. */
  #ending(headers: string[]): string[] {
    if (this.#hub.stopping) headers.push('Connection', 'close');
    return headers;
  }
}
