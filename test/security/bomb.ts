/** What 100 members do to a leader's memory. */
export type Bomb = 'depth' | 'fragments' | 'pings' | 'slow readers' | 'deflate';

export const BOMBS: readonly Bomb[] = ['depth', 'fragments', 'pings', 'slow readers', 'deflate'];

/** What one process is to do for a while; several in turn, over the same connections where they are still there. */
export interface BombOrder {
  readonly port: number;
  readonly bomb: Bomb;
  /**
   * Instead of bombs they send ordinary requests, as often, and after so many of them they leave and come again, as those
   * do whom the leader has cut off: what the bomb itself costs is the difference.
   */
  readonly harmless?: { readonly leaveAfter: number };
  readonly token: string;
  readonly connections: number;
  readonly durationMs: number;
}

/** Of one order. */
export interface BombReport {
  readonly thrown: number;
  /** Connections that the leader ended. */
  readonly closed: number;
  /** Deflate offers that the leader took. */
  readonly accepted: number;
}
