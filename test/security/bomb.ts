/** What 100 members do to a leader's memory. */
export type Bomb = 'depth' | 'fragments' | 'pings' | 'slow readers' | 'deflate';

export const BOMBS: readonly Bomb[] = ['depth', 'fragments', 'pings', 'slow readers', 'deflate'];

export interface BombOrder {
  readonly port: number;
  readonly bomb: Bomb;
  readonly token: string;
  readonly connections: number;
  readonly durationMs: number;
}

export interface BombReport {
  readonly thrown: number;
  /** Connections that the leader ended. */
  readonly closed: number;
  /** Deflate offers that the leader took. */
  readonly accepted: number;
}
