import { type FramedCounters, newFramedCounters } from '../framed/counters.js';

/** What a TcpNetwork has refused, dropped or given up since it was made. */
export type TcpCounters = FramedCounters & {
  /** Messages refused because the node could not be reached a moment ago. */
  resting: number;
  /** Messages refused because too much waits for nodes that are being dialled. */
  pendingFull: number;
  /** Messages dropped because the node that they waited for could not be reached. */
  undelivered: number;
  /** Peers that were refused because another process of their name is connected, and answers. */
  namesHeld: number;
  /** Connections of peers that nothing had crossed for a while, ended. */
  idleClosed: number;
  /** Connections ended to make room for others. */
  crowdedOut: number;
  /** Messages refused because as many nodes are dialled as may be, and none of them idles. */
  dialledFull: number;
};

export const newCounters = (): TcpCounters => ({
  ...newFramedCounters(),
  resting: 0,
  pendingFull: 0,
  undelivered: 0,
  namesHeld: 0,
  idleClosed: 0,
  crowdedOut: 0,
  dialledFull: 0,
});
