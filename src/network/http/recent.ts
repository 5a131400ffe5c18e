/** So many are remembered; a power of two. */
const SIZE = 4096;

/** Which messages have come in lately, so that a POST that is made again is not taken twice. */
export class Recent {
  /** Hashes of ids: the ids themselves would keep alive what they were cut out of. */
  readonly #hashes = new Float64Array(SIZE);
  #next = 0;

  add(id: string): void {
    this.#hashes[this.#next & (SIZE - 1)] = hashOf(id);
    this.#next += 1;
  }

  /** Takes time in proportion to what is remembered. Wrong once in 10^12 times. */
  has(id: string): boolean {
    return this.#hashes.includes(hashOf(id));
  }
}

/** 53 bits of two FNV-1a hashes; never 0. */
function hashOf(id: string): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let i = 0; i < id.length; i += 1) {
    const code = id.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b);
  }
  return ((high >>> 11) + 1) * 2 ** 32 + (low >>> 0);
}
