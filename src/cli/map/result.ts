import type { NodeId } from '../../base/names.js';

/** What became of one input: the line that `map` prints. */
export type MapResult =
  | {
      readonly index: number;
      readonly node: NodeId;
      readonly ok: true;
      readonly ms: number;
      readonly payload: unknown;
    }
  | {
      readonly index: number;
      /** null if it never reached one. */
      readonly node: NodeId | null;
      readonly ok: false;
      readonly ms: number;
      readonly error: { readonly code: string; readonly message: string };
    };

export interface MapTally {
  done: number;
  ok: number;
  /** The handler said no, or the input is none. */
  failed: number;
  /** No answer, after all retries. */
  silent: number;
  /** Inputs that an earlier run has done. */
  skipped: number;
  /** Tries after the first. */
  retries: number;
}

export const newTally = (): MapTally => ({ done: 0, ok: 0, failed: 0, silent: 0, skipped: 0, retries: 0 });
