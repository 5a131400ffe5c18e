/** What a network of framed connections has refused, dropped or given up since it was made. */
export type FramedCounters = {
  /** Sockets ended because they had not authenticated within the deadline. */
  handshakeTimeouts: number;
  /** Sockets refused because too many had not authenticated yet, in all or of their address. */
  unauthenticatedRefused: number;
  /** Sockets that made room for a newcomer, because too many had not authenticated yet. */
  unauthenticatedReplaced: number;
  /** Sockets ended because of what they sent before they had authenticated: too much, or not the protocol. */
  unauthenticatedInvalid: number;
  /** TLS handshakes that failed: another version, an authority that the peer does not trust, no TLS after all. */
  tlsFailures: number;
  /** Peers cut off because they sent much over TLS that carried nothing. */
  tlsFloods: number;
  /** Connections to a TLS port that did not begin with a TLS ClientHello of at most 4,096 bytes. */
  plaintextRefused: number;
  /** Connections that did not begin with the PROXY protocol header that their listener requires. */
  proxyHeadersRefused: number;
  /** Peers that were refused after their hello: not allowed, name in use, other cluster. */
  joinsRefused: number;
  /** Peers that were refused because their address has as many connections as one may have. */
  addressFull: number;
  /** Peers that were refused because there are as many connections as there may be. */
  connectionsFull: number;
  /** Messages and frames of authenticated peers that broke a rule. */
  invalidMessages: number;
  /** Messages that claimed another sender. */
  spoofed: number;
  /** Connections ended for too many invalid messages. */
  faultyClosed: number;
  /** Connections ended because what they sent cannot be told apart into frames, or a frame is too large. */
  framingErrors: number;
  /** Times that a peer was not read for a while, for what it had sent compressed inflated to too much. */
  inflationPauses: number;
  /** Times that a peer was not read for a while, for too much of what it had sent was invalid. */
  refusedPauses: number;
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

export const newFramedCounters = (): FramedCounters => ({
  handshakeTimeouts: 0,
  unauthenticatedRefused: 0,
  unauthenticatedReplaced: 0,
  unauthenticatedInvalid: 0,
  tlsFailures: 0,
  tlsFloods: 0,
  plaintextRefused: 0,
  proxyHeadersRefused: 0,
  joinsRefused: 0,
  addressFull: 0,
  connectionsFull: 0,
  invalidMessages: 0,
  spoofed: 0,
  faultyClosed: 0,
  framingErrors: 0,
  inflationPauses: 0,
  refusedPauses: 0,
  backpressure: 0,
  tooLarge: 0,
  congested: 0,
  slowPeers: 0,
  replaced: 0,
  dialsFailed: 0,
  terminatedAtStop: 0,
});
