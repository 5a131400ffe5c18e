/** What a node on an InMemoryNetwork has refused, dropped or given up since it was made; named as WebSocketCounters. */
export interface MemoryCounters {
  /** Peers that were refused after their hello. */
  joinsRefused: number;
  /** Messages that broke a rule of the envelope. */
  invalidMessages: number;
  /** Frames that could not be read; the connection ended with each. */
  framingErrors: number;
  /** Messages that claimed another sender. */
  spoofed: number;
  /** Messages refused because the peer's queue was full. */
  backpressure: number;
  /** Messages refused by a partition or a failed node that tells senders. */
  barred: number;
  /** Messages refused because they were larger than a frame may be. */
  tooLarge: number;
  /** Peers told to be congested. */
  congested: number;
  /** Connections replaced by a newer one of the same node. */
  replaced: number;
  /** Dials that failed. */
  dialsFailed: number;
  /** Connections still open when the time to stop was over. */
  terminatedAtStop: number;
}

export const newCounters = (): MemoryCounters => ({
  joinsRefused: 0,
  invalidMessages: 0,
  framingErrors: 0,
  spoofed: 0,
  backpressure: 0,
  barred: 0,
  tooLarge: 0,
  congested: 0,
  replaced: 0,
  dialsFailed: 0,
  terminatedAtStop: 0,
});
