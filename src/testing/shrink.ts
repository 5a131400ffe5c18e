/** What is left of a list, and what it took. */
export interface Shrunk<T> {
  readonly items: readonly T[];
  /** How often `fails` was asked. */
  readonly runs: number;
  /** No item can be left out any more; false when the runs were used up before that was known. */
  readonly minimal: boolean;
}

/** How often it may be asked whether less still fails, unless told otherwise. */
export const DEFAULT_SHRINK_RUNS = 200;

/**
 * The fewest items that still fail: Zeller and Hildebrandt's delta debugging (ddmin, 2002). Deterministic, and bounded
 * by a number of runs. What is left is 1-minimal: without any one of its items it does not fail.
 * @param fails whether these items, in their order, still fail; the whole list is known to
 */
export async function shrink<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  options: { readonly maxRuns?: number | undefined } = {},
): Promise<Shrunk<T>> {
  const search = new Search(fails, options.maxRuns ?? DEFAULT_SHRINK_RUNS);
  // Most wanted of all: it fails without any of them.
  if (items.length > 0 && (await search.fails([]))) return { items: [], runs: search.runs, minimal: true };
  let left = items;
  let parts = 2;
  while (left.length >= 2) {
    const less = await search.less(left, parts);
    if (less) {
      left = less.items;
      parts = less.complement ? Math.max(2, parts - 1) : 2;
    } else if (parts >= left.length || search.exhausted) {
      break;
    } else {
      parts = Math.min(left.length, parts * 2);
    }
  }
  return { items: left, runs: search.runs, minimal: !search.exhausted };
}

class Search<T> {
  readonly #fails: (items: readonly T[]) => Promise<boolean>;
  readonly #maxRuns: number;
  runs = 0;
  /** Something was not asked because there were no runs left. */
  exhausted = false;

  constructor(fails: (items: readonly T[]) => Promise<boolean>, maxRuns: number) {
    this.#fails = fails;
    this.#maxRuns = maxRuns;
  }

  async fails(items: readonly T[]): Promise<boolean> {
    if (this.runs >= this.#maxRuns) {
      this.exhausted = true;
      return false;
    }
    this.runs += 1;
    return this.#fails(items);
  }

  /** One part that fails alone, or all but one. */
  async less(
    items: readonly T[],
    parts: number,
  ): Promise<{ readonly items: readonly T[]; readonly complement: boolean } | undefined> {
    const bounds = Array.from({ length: parts + 1 }, (_, i) => Math.round((i * items.length) / parts));
    for (let i = 0; i < parts; i += 1) {
      const part = items.slice(bounds[i], bounds[i + 1]);
      if (await this.fails(part)) return { items: part, complement: false };
    }
    // Of two parts each is the complement of the other.
    if (parts === 2) return undefined;
    for (let i = 0; i < parts; i += 1) {
      const rest = items.filter((_, index) => index < (bounds[i] ?? 0) || index >= (bounds[i + 1] ?? 0));
      if (await this.fails(rest)) return { items: rest, complement: true };
    }
    return undefined;
  }
}
