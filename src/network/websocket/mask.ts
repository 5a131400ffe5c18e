/** Those of a masking key (RFC 6455, 5.3). */
export const MASK_BYTES = 4;

/** XORs `bytes` from `at` on with the key, the four bytes before them; a second time undoes it. */
export function applyMask(buffer: Buffer, at: number, bytes: number): void {
  const begin = buffer.byteOffset + at;
  let done = 0;
  if (begin % MASK_BYTES === 0) {
    const words = new Int32Array(buffer.buffer, begin - MASK_BYTES, 1 + (bytes >> 2));
    const key = words[0] as number;
    for (let i = 1; i < words.length; i += 1) words[i] = (words[i] as number) ^ key;
    done = (words.length - 1) * MASK_BYTES;
  }
  for (let i = done; i < bytes; i += 1) {
    buffer[at + i] = (buffer[at + i] as number) ^ (buffer[at - MASK_BYTES + (i & 3)] as number);
  }
}

/** Whether it is a key that changes nothing. */
export function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i += 1) if (bytes[i] !== 0) return false;
  return true;
}
