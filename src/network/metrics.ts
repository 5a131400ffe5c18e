import type { Histogram } from 'node:perf_hooks';
import type { ErrorCode } from '../base/errors.js';

/**
 * What a network has done and how it is, as of one moment: every transport gives it, whoever watches reads it.
 * Counts only grow, from the start of the network on; a rate is the difference of two readings over their distance.
 * Reading takes time in proportion to the peers that are connected, and nothing is paid for in between.
 */
export interface NetworkMetrics {
  /** Which transport: `websocket`, `tcp`, `http`, `memory`. */
  readonly transport: string;
  /** Messages of peers, those that the transport keeps for itself (acknowledgements) included. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Bytes of their frames, before TLS. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Failures by code: sends that were refused, dials that failed, connections that were lost, messages that were invalid. */
  readonly errors: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Connected peers, now. */
  readonly connections: number;
  /** Peers that have connected so far, each time counted. */
  readonly connected: number;
  /** What waits to be written, of all peers, now. */
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  /** Where requests are made through it: an `Endpoint`, and what wraps one. */
  readonly requests?: RequestMetrics;
  /** Likewise, of those of them that have one. */
  readonly bodies?: BodyMetrics;
}

/** Byte streams that are under way, now. */
export interface BodyMetrics {
  readonly incoming: number;
  readonly outgoing: number;
}

export interface RequestMetrics {
  /** Requests that wait for their answers, now. */
  readonly waiting: number;
  /** Requests that were answered, with a value or an error. */
  readonly answered: number;
  /** From the request to its answer or error, in microseconds. Live: the same object grows on. */
  readonly latency: Histogram;
}
