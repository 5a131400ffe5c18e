/** What a WebSocketNetwork has refused, dropped or given up since it was made. */
export type WebSocketCounters = {
  /** Sockets ended because they had not authenticated within the deadline. */
  handshakeTimeouts: number;
  /** Sockets refused because too many had not authenticated yet, in all or of their address. */
  unauthenticatedRefused: number;
  /** Sockets ended because of what they sent before they had authenticated: too much, or not the protocol. */
  unauthenticatedInvalid: number;
  /** Plain HTTP requests, requests of browsers and of other protocols. */
  httpRefused: number;
  /** Peers that were refused after their hello: not allowed, name in use, other cluster. */
  joinsRefused: number;
  /** Messages and frames of authenticated peers that broke a rule. */
  invalidMessages: number;
  /** Messages that claimed another sender. */
  spoofed: number;
  /** Connections ended for too many invalid messages. */
  faultyClosed: number;
  /** Connections ended because they asked for more pongs than they read. */
  pingFloods: number;
  /** Connections ended by the WebSocket layer: frame too large, too many fragments or chunks, broken framing. */
  framingErrors: number;
  /** Messages refused because the peer's queue was full. */
  backpressure: number;
  /** Messages refused because they were larger than the peer's frame limit. */
  tooLarge: number;
  /** Peers told to be congested. */
  congested: number;
  /** Connections ended because the peer did not read. */
  slowPeers: number;
  /** Connections replaced by a newer one of the same node. */
  replaced: number;
  /** Dials that failed. */
  dialsFailed: number;
  /** Connections still open when the time to stop was over. */
  terminatedAtStop: number;
};

export const newCounters = (): WebSocketCounters => ({
  handshakeTimeouts: 0,
  unauthenticatedRefused: 0,
  unauthenticatedInvalid: 0,
  httpRefused: 0,
  joinsRefused: 0,
  invalidMessages: 0,
  spoofed: 0,
  faultyClosed: 0,
  pingFloods: 0,
  framingErrors: 0,
  backpressure: 0,
  tooLarge: 0,
  congested: 0,
  slowPeers: 0,
  replaced: 0,
  dialsFailed: 0,
  terminatedAtStop: 0,
});
