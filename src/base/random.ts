/**
 * The only source of chance. Seeded in tests and simulations, the machine's own otherwise.
 */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** An independent source; a seeded parent gives the same child for the same label. */
  fork(label: string): Random;
}

/** Uniform integer in [0, bound). */
export const integer = (random: Random, bound: number): number => Math.floor(random.next() * bound);

/** Uniform in [low, high). */
export const uniform = (random: Random, low: number, high: number): number => low + random.next() * (high - low);

/** One of the items; undefined for an empty list. */
export const pick = <T>(random: Random, items: readonly T[]): T | undefined => items[integer(random, items.length)];

/** True with the given probability. */
export const chance = (random: Random, probability: number): boolean =>
  probability > 0 && (probability >= 1 || random.next() < probability);

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

/** `length` characters of [0-9a-z], about 5.17 bits each. */
export function letters(random: Random, length: number): string {
  let text = '';
  for (let i = 0; i < length; i += 1) text += ALPHABET[integer(random, 36)];
  return text;
}

/** Chance from the machine's cryptographic source, drawn in blocks. */
export const systemRandom: Random = {
  next() {
    if (cursor === block.length) {
      crypto.getRandomValues(block);
      cursor = 0;
    }
    return (block[cursor++] as number) / 2 ** 32;
  },
  fork: () => systemRandom,
};
const block = new Uint32Array(256);
let cursor: number = block.length;

/** FNV-1a, 32 bits: spreads labels over seeds. */
function hash(text: string, start: number): number {
  let value = (start ^ 0x811c9dc5) >>> 0;
  for (let i = 0; i < text.length; i += 1) {
    value ^= text.charCodeAt(i);
    value = Math.imul(value, 0x01000193) >>> 0;
  }
  return value;
}

/** sfc32 (Chris Doty-Humphrey's PractRand): small, fast, passes BigCrush; not for secrets. */
export function seededRandom(seed: number | string): Random {
  const base = hash(String(seed), 0);
  let a = base;
  let b = hash('b', base);
  let c = hash('c', b);
  let counter = 1;
  const next = () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 12; i += 1) next();
  return { next, fork: (label) => seededRandom(`${seed}/${label}`) };
}
