/** How many different lists are remembered: a cluster has few kinds of members. */
const MAX_LISTS = 16;

/** Members of one kind register the same handlers: their list is kept once for all of them. */
export class HandlerLists {
  #latest: readonly (readonly string[])[] = [];

  /** @returns the list that others have already, if it is the same */
  shared(handlers: readonly string[]): readonly string[] {
    const known = this.#latest.find((list) => sameList(list, handlers));
    if (known) return known;
    this.#latest = [handlers, ...this.#latest.slice(0, MAX_LISTS - 1)];
    return handlers;
  }
}

export const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);
