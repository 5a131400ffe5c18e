export interface GuessLimitOptions {
  /** Wrong credentials within `windowMs` that lock a subject. @default 5 */
  readonly maxWrong?: number | undefined;
  /** Also how long the first lock lasts, in milliseconds. @default 60,000 */
  readonly windowMs?: number | undefined;
  /** The longest lock, and how long a subject must be quiet to be forgiven, in milliseconds. @default 900,000 */
  readonly maxLockMs?: number | undefined;
  /** Subjects that are remembered; the one whose last wrong credential is the oldest goes first. @default 10,000 */
  readonly maxSubjects?: number | undefined;
}

interface Subject {
  /** When its latest wrong credentials came, as many as it may send within a window. */
  times: number[];
  lockedUntil: number;
  /** The next lock; 0 before the first. */
  nextLockMs: number;
}

/**
 * Slows down guessing. After 5 wrong credentials within a minute a subject is locked for a minute; from then on every
 * wrong one locks it for twice as long as the lock before, up to 15 minutes. Tries while it is locked are not looked
 * at and change nothing. A right credential forgives nothing, or a guesser with one good token could reset himself;
 * 15 quiet minutes after the end of a lock do. `now` is monotonic, so that no jump of the wall clock frees or locks.
 */
export class GuessLimit {
  readonly #maxWrong: number;
  readonly #windowMs: number;
  readonly #maxLockMs: number;
  readonly #maxSubjects: number;
  /** In the order of their last wrong credential. */
  readonly #subjects = new Map<string, Subject>();
  /** Locks imposed so far. */
  locks = 0;
  /** Subjects forgotten because there were too many. */
  forgotten = 0;

  constructor(options: GuessLimitOptions = {}) {
    this.#maxWrong = options.maxWrong ?? 5;
    this.#windowMs = options.windowMs ?? 60_000;
    this.#maxLockMs = options.maxLockMs ?? 900_000;
    this.#maxSubjects = options.maxSubjects ?? 10_000;
  }

  get size(): number {
    return this.#subjects.size;
  }

  /** How long the subject is still locked, in milliseconds; 0: it may try. */
  waitMs(name: string, now: number): number {
    const subject = this.#subjects.get(name);
    return subject === undefined ? 0 : Math.max(0, subject.lockedUntil - now);
  }

  /** The subject, which was not locked, gave a wrong credential. @returns how long it is locked for, 0: not yet */
  wrong(name: string, now: number): number {
    const subject = this.#recall(name, now);
    this.#subjects.delete(name);
    this.#subjects.set(name, subject);
    this.#makeRoom();
    if (subject.times.push(now) > this.#maxWrong) subject.times.shift();
    const tooMany = subject.times.length >= this.#maxWrong && now - (subject.times[0] as number) < this.#windowMs;
    if (subject.nextLockMs === 0 && !tooMany) return 0;
    const lockMs = subject.nextLockMs === 0 ? this.#windowMs : subject.nextLockMs;
    subject.lockedUntil = now + lockMs;
    subject.nextLockMs = Math.min(this.#maxLockMs, lockMs * 2);
    subject.times = [];
    this.locks += 1;
    return lockMs;
  }

  #recall(name: string, now: number): Subject {
    const subject = this.#subjects.get(name);
    if (subject && now - subject.lockedUntil < this.#maxLockMs) return subject;
    return subject && subject.nextLockMs === 0 ? subject : { times: [], lockedUntil: 0, nextLockMs: 0 };
  }

  #makeRoom(): void {
    if (this.#subjects.size <= this.#maxSubjects) return;
    for (const name of this.#subjects.keys()) {
      this.#subjects.delete(name);
      this.forgotten += 1;
      return;
    }
  }
}
