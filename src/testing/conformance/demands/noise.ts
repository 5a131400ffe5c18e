const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_';

/** Text that does not get shorter when it is compressed, nearly. */
export function noise(length: number): string {
  const bytes = Buffer.allocUnsafe(length);
  let state = 12_345;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = LETTERS.charCodeAt(state >>> 26);
  }
  return bytes.toString('latin1');
}

/** Bytes of all values. */
export const noisyBytes = (length: number): Uint8Array =>
  Buffer.from(noise(length), 'latin1').map((byte, index) => (byte * 7 + index) % 256);
