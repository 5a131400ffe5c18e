import { constants, deflateRawSync, type InflateRaw, inflateRawSync } from 'node:zlib';
import { messageOf, NetworkError } from '../base/errors.js';
import type { MessageKind } from './message.js';

/** Payloads of fewer encoded bytes are never compressed: it would cost more time than the bytes that it saves. */
export const MIN_DEFLATED_BYTES = 1024;

/** The level that costs least: docs/decisions/compression.md has the figures. */
const OPTIONS = { level: constants.Z_BEST_SPEED } as const;

/** What inflating one input gives, and how much of the input it took; the types of Node leave this form out. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: InflateRaw;
}

/** Whether the payload of such a message may travel compressed. netmgr's own, credentials among them, never does. */
export const isDeflatable = (kind: MessageKind): boolean => kind !== 'control' && kind !== 'heartbeat';

/** @param encoded at least MIN_DEFLATED_BYTES of it */
export const deflate = (encoded: string | Uint8Array): Buffer => deflateRawSync(encoded, OPTIONS);

/**
 * Inflates the payloads of one frame. The frame that comes of it has the limit of every frame, so that neither one
 * payload nor thousands of them make more of a frame than the peer could have sent uncompressed.
 */
export class Inflater {
  readonly #maxFrameBytes: number;
  /** What the frame may still grow by. */
  #room: number;
  #bytes = 0;

  constructor(frameBytes: number, maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#room = maxFrameBytes - frameBytes;
  }

  /** What it has made, in all. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @param deflated one whole stream of raw deflate, and nothing behind it
   * @param fieldBytes how many bytes of the frame it takes as it is written there, quotes or header included
   * @throws NetworkError TOO_LARGE as soon as the frame would be; DESERIALIZATION
   */
  inflate(deflated: Uint8Array, fieldBytes: number): Buffer {
    const maxBytes = this.#room + fieldBytes;
    const inflated = this.#inflated(deflated, maxBytes);
    // So that a frame holds no more of them than it has KiB: each costs far more than its bytes.
    if (inflated.length < MIN_DEFLATED_BYTES) {
      const rule = `payloads of less than ${MIN_DEFLATED_BYTES} are not compressed`;
      throw broken(`it inflates to ${inflated.length} bytes, but ${rule}`);
    }
    this.#room = maxBytes - inflated.length;
    this.#bytes += inflated.length;
    return inflated;
  }

  #inflated(deflated: Uint8Array, maxBytes: number): Buffer {
    let found: Inflated;
    try {
      found = inflateRawSync(deflated, { maxOutputLength: maxBytes, info: true }) as unknown as Inflated;
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      throw code === 'ERR_BUFFER_TOO_LARGE' ? this.#tooLarge() : broken(messageOf(error));
    }
    const rest = deflated.length - found.engine.bytesWritten;
    if (rest > 0) throw broken(`${rest} bytes follow the end of the stream`);
    return found.buffer;
  }

  #tooLarge(): NetworkError {
    return new NetworkError('TOO_LARGE', `a frame that inflates to more than ${this.#maxFrameBytes} bytes, the limit`);
  }
}

const broken = (problem: string): NetworkError => new NetworkError('DESERIALIZATION', `deflate: ${problem}`);
