const BUCKETS = 10;

/** Calls and failures of the last `windowMs`, forgotten a tenth of the window at a time. */
export class RollingCounts {
  readonly #bucketMs: number;
  readonly #calls: number[] = new Array(BUCKETS).fill(0);
  readonly #failures: number[] = new Array(BUCKETS).fill(0);
  #bucket = 0;
  #allCalls = 0;
  #allFailures = 0;

  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS;
  }

  add(failed: boolean, now: number): void {
    this.#roll(now);
    const at = this.#bucket % BUCKETS;
    (this.#calls[at] as number) += 1;
    this.#allCalls += 1;
    if (!failed) return;
    (this.#failures[at] as number) += 1;
    this.#allFailures += 1;
  }

  calls(now: number): number {
    this.#roll(now);
    return this.#allCalls;
  }

  failures(now: number): number {
    this.#roll(now);
    return this.#allFailures;
  }

  clear(): void {
    this.#calls.fill(0);
    this.#failures.fill(0);
    this.#allCalls = 0;
    this.#allFailures = 0;
  }

  #roll(now: number): void {
    const bucket = Math.floor(now / this.#bucketMs);
    if (bucket === this.#bucket) return;
    const passed = Math.min(bucket - this.#bucket, BUCKETS);
    for (let i = 1; i <= passed; i += 1) {
      const at = (this.#bucket + i) % BUCKETS;
      this.#allCalls -= this.#calls[at] as number;
      this.#allFailures -= this.#failures[at] as number;
      this.#calls[at] = 0;
      this.#failures[at] = 0;
    }
    this.#bucket = bucket;
  }
}
