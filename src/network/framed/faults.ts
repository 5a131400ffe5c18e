/** When the latest invalid messages of a peer came, as many as it may send within a while. */
export class Faults {
  readonly #times: number[] = [];

  /** @returns whether this is one too many: the last `max`, this one included, came within `windowMs` */
  add(now: number, max: number, windowMs: number): boolean {
    if (this.#times.push(now) > max) this.#times.shift();
    return this.#times.length >= max && now - (this.#times[0] as number) <= windowMs;
  }
}
