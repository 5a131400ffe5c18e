import { applyMask, isZero, MASK_BYTES } from './mask.js';

/** What the head of a frame says. */
export interface FrameHead {
  /** Bytes of the head itself. */
  readonly size: number;
  /** Payload bytes. */
  readonly bytes: number;
  readonly binary: boolean;
  readonly masked: boolean;
}

/** A frame that has not come as a whole; its first piece has all of the head. */
export class PartialFrame {
  readonly head: FrameHead;
  /** As they came. */
  readonly pieces: Buffer[];
  /** Bytes that are still to come. */
  missing: number;

  constructor(head: FrameHead, first: Buffer) {
    this.head = head;
    this.pieces = [first];
    this.missing = head.size + head.bytes - first.length;
  }

  add(piece: Buffer): void {
    this.pieces.push(piece);
    this.missing -= piece.length;
  }

  /** Bytes that `join` needs. */
  get room(): number {
    return MASK_BYTES + this.head.bytes;
  }

  /**
   * Puts it together, unmasked; the pieces stay as they are.
   * @param whole `room` or more, at the beginning of its ArrayBuffer
   * @returns the payload, a view of it
   */
  join(whole: Buffer): Buffer {
    const { size, bytes, masked } = this.head;
    const first = this.pieces[0] as Buffer;
    // The mask lies where it is looked for, and the payload where whole words can be unmasked.
    let at = MASK_BYTES;
    if (masked) first.copy(whole, 0, size - MASK_BYTES, size);
    at += first.copy(whole, at, size);
    for (let i = 1; i < this.pieces.length; i += 1) at += (this.pieces[i] as Buffer).copy(whole, at);
    if (masked && !isZero(whole, 0, MASK_BYTES)) applyMask(whole, MASK_BYTES, bytes);
    return whole.subarray(MASK_BYTES, MASK_BYTES + bytes);
  }
}
