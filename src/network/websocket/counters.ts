import { type FramedCounters, newFramedCounters } from '../framed/counters.js';

/** What a WebSocketNetwork has refused, dropped or given up since it was made. */
export type WebSocketCounters = FramedCounters & {
  /** Plain HTTP requests, requests of browsers and of other protocols. */
  httpRefused: number;
  /** Connections ended because they asked for more pongs than they read. */
  pingFloods: number;
};

export const newCounters = (): WebSocketCounters => ({ ...newFramedCounters(), httpRefused: 0, pingFloods: 0 });
