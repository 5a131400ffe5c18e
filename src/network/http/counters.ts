/** What an HttpNetwork has refused, dropped or given up since it was made. */
export type HttpCounters = {
  /** Sockets refused because there are as many as there may be. */
  connectionsFull: number;
  /** Sockets refused because their address has as many as one may have. */
  addressFull: number;
  /** TLS handshakes that failed. */
  tlsFailures: number;
  /** Requests that were no HTTP, or whose headers were too large. */
  malformed: number;
  /** Requests whose headers or body did not come in time. */
  slowRequests: number;
  /** Requests of browsers, and with a Host that is not ours. */
  browsersRefused: number;
  /** Requests for other paths, with other methods or other types of content. */
  httpRefused: number;
  /** Requests of nobody that is known, or of another than they said. */
  unauthenticated: number;
  /** Requests for another node, or of another cluster. */
  misdirected: number;
  /** Requests of a process whose name another one, started later, has now. */
  superseded: number;
  /** Probes of nodes that are no peers of this one. */
  strangers: number;
  /** Peers that the admission has refused. */
  joinsRefused: number;
  /** Requests refused because too many nodes are known. */
  peersFull: number;
  /** Peers without an address of whom nothing was heard for too long. */
  peersExpired: number;
  /** Bodies above the limit, before or after they were inflated. */
  bodiesTooLarge: number;
  /** Bodies refused because what their sender had sent compressed inflated to too much. */
  inflationRefused: number;
  /** Bodies refused because too much was being read. */
  readingFull: number;
  /** Messages and frames that broke a rule. */
  invalidMessages: number;
  /** Messages that claimed another sender. */
  spoofed: number;
  /** Requests refused because too many waited for their answers. */
  heldFull: number;
  /** Requests for which no answer came in time: 504. */
  unanswered: number;
  /** Requests whose POST went away before its answer. */
  abandoned: number;
  /** Answers whose POST had gone. */
  lateAnswers: number;
  /** Sockets ended because an answer on them was not read. */
  slowReaders: number;
  /** Messages refused because too much waited for the node. */
  backpressure: number;
  /** Messages refused because they were larger than a frame may be. */
  tooLarge: number;
  /** Peers told to be congested. */
  congested: number;
  /** Messages for nodes whose entry in the address book cannot be used. */
  invalidAddresses: number;
  /** POSTs that failed. */
  postsFailed: number;
  /** POSTs made again because the socket had been closed by the peer. */
  postsRepeated: number;
  /** POSTs that were made again although the first had been taken. */
  repeats: number;
  /** What still was under way when the time to stop was over. */
  terminatedAtStop: number;
};

export const newCounters = (): HttpCounters => ({
  connectionsFull: 0,
  addressFull: 0,
  tlsFailures: 0,
  malformed: 0,
  slowRequests: 0,
  browsersRefused: 0,
  httpRefused: 0,
  unauthenticated: 0,
  misdirected: 0,
  superseded: 0,
  strangers: 0,
  joinsRefused: 0,
  peersFull: 0,
  peersExpired: 0,
  bodiesTooLarge: 0,
  inflationRefused: 0,
  readingFull: 0,
  invalidMessages: 0,
  spoofed: 0,
  heldFull: 0,
  unanswered: 0,
  abandoned: 0,
  lateAnswers: 0,
  slowReaders: 0,
  backpressure: 0,
  tooLarge: 0,
  congested: 0,
  invalidAddresses: 0,
  postsFailed: 0,
  postsRepeated: 0,
  repeats: 0,
  terminatedAtStop: 0,
});
