import { validateHeaderValue } from 'node:http';
import type { NodeId } from '../../base/names.js';
import type { Codec } from '../../message/codec.js';
import { jsonCodec } from '../../message/json-codec.js';
import { msgpackCodec } from '../../message/msgpack-codec.js';
import type { Traffic } from '../network.js';
import { CARD_HEADER, type Card } from './card.js';
import type { Hub } from './hub.js';
import { compressed, typeOf } from './media.js';
import type { Post, PostTarget } from './post.js';

/** What is to be sent to a node. */
export interface Parcel {
  readonly codec: Codec;
  readonly data: string | Uint8Array;
  readonly bytes: number;
  /** In it. */
  readonly messages: number;
}

/** How requests to one node are written: in what it has said that it reads. */
export class Writer {
  readonly #hub: Hub;
  readonly #node: NodeId;
  readonly #posts: string;
  readonly #probes: string;
  #gzip = false;
  /** What every node reads, until it has said more. */
  codec: Codec = jsonCodec;
  maxFrameBytes: number;

  constructor(hub: Hub, { node, url, path }: Pick<PostTarget, 'node' | 'url' | 'path'>) {
    this.#hub = hub;
    this.#node = node;
    const coding = hub.options.compression ? 'Accept-Encoding: gzip, deflate\r\n' : '';
    const common = `${path} HTTP/1.1\r\nHost: ${url.authority}\r\n${CARD_HEADER}: ${hub.cardFor(node)}\r\n${coding}`;
    this.#posts = `POST ${common}`;
    this.#probes = `HEAD ${common}`;
    this.maxFrameBytes = hub.limits.maxFrameBytes;
  }

  /** @param fixed whether the codec has to stay, for what is written already */
  learn({ reads, maxFrameBytes }: Card, fixed: boolean): void {
    const { binary, compression } = this.#hub.options;
    if (!fixed) this.codec = binary && reads.has('msgpack') ? msgpackCodec : jsonCodec;
    this.#gzip = compression && reads.has('gzip');
    this.maxFrameBytes = maxFrameBytes;
  }

  /** @param traffic where it is counted */
  send(post: Post, { codec, data, bytes, messages }: Parcel, traffic: Traffic): void {
    const { limits } = this.#hub;
    const packed = this.#gzip && bytes >= limits.minCompressedBytes ? compressed(data, bytes) : undefined;
    const length = packed?.length ?? bytes;
    traffic.messagesOut += messages;
    traffic.bytesOut += length;
    try {
      const coding = packed ? 'Content-Encoding: gzip\r\n' : '';
      const type = `Content-Type: ${typeOf(codec)}\r\nContent-Length: ${length}\r\n${coding}`;
      const head = `${this.#posts}${this.#authorization()}${type}`;
      post.begin({ method: 'POST', head, body: packed ?? data, bytes: length, fresh: false });
    } catch (error) {
      post.failUnsent(error);
    }
  }

  /** Asks whether the node is there, and whether it has this one as a peer. */
  probe(post: Post): void {
    try {
      post.begin({ method: 'HEAD', head: `${this.#probes}${this.#authorization()}`, body: '', bytes: 0, fresh: true });
    } catch (error) {
      post.failUnsent(error);
    }
  }

  /** The line of that header, if there is one. @throws whatever `authorization` does, and what cannot stand in a header */
  #authorization(): string {
    const authorization = this.#hub.options.authorization?.(this.#node);
    if (authorization === undefined) return '';
    validateHeaderValue('Authorization', authorization);
    return `Authorization: ${authorization}\r\n`;
  }
}
