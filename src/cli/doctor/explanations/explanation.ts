/** What is known of one way to fail, for somebody who meets it at night. */
export interface Explanation {
  /** A message as it is seen; a test makes it come about, and compares. */
  readonly example: string;
  /** What is usually behind it, the likeliest first. */
  readonly causes: readonly string[];
  /** What to do, the first thing first. */
  readonly next: readonly string[];
}
