import { DEFAULT_DECODE_LIMITS, type DecodeLimits } from '../../message/codec.js';
import { check } from '../framed/limits.js';
import { connectionsByOpenFiles } from '../framed/open-files.js';
import { DEFAULT_INFLATION_LIMITS, type InflationLimits } from '../inflation-budget.js';

/** Every bound of this transport; each has a row in docs/limits.md. Times are milliseconds. */
export interface HttpLimits extends DecodeLimits, InflationLimits {
  /** Bytes of the headers of a request. @default 8 KiB */
  readonly maxHeaderBytes: number;
  /** From the first byte of a request to the end of its headers. @default 5000 */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to the end of its body. @default 15,000 */
  readonly bodyTimeoutMs: number;
  /** From accept to the end of the TLS handshake. @default 5000 */
  readonly tlsTimeoutMs: number;
  /** Sockets that have come in. @default the limit of open files less 256; less a quarter if that is fewer */
  readonly maxConnections: number;
  /** The same, of one IP address. @default 1024 */
  readonly maxConnectionsPerAddress: number;
  /** For how long a socket that has come in may idle between two requests. @default 10,000 */
  readonly keepAliveMs: number;
  /** Requests of others that wait for their answers here. @default 10,000 */
  readonly maxHeld: number;
  /** The same, of one node. @default 1000 */
  readonly maxHeldPerPeer: number;
  /** Bytes of their bodies. @default 64 MiB */
  readonly maxHeldBytes: number;
  /** Bytes of large bodies, of more than 64 KiB, that are being read. @default 64 MiB */
  readonly maxReadingBytes: number;
  /** How long a request is waited for that does not say. @default 5000 */
  readonly requestTimeoutMs: number;
  /** An answer that the peer does not read for so long costs it the socket. @default 10,000 */
  readonly stallMs: number;
  /** Nodes and callers that something is known of. @default 10,000 */
  readonly maxPeers: number;
  /** A peer without an address of whom nothing was heard for so long has left. @default 300,000 */
  readonly peerIdleMs: number;
  /** Sockets to one node, one of which is for what is no request. @default 50 */
  readonly maxSockets: number;
  /** Those of them that are kept while nothing is under way. @default 10 */
  readonly maxFreeSockets: number;
  /** For how long a socket to another node may idle: less than that one's own bound. @default 4000 */
  readonly idleMs: number;
  /** How long making a connection may take, TLS included. @default 2000, with TLS 5000 */
  readonly connectTimeoutMs: number;
  /** How long a POST of what is no request may take. @default 10,000 */
  readonly deliveryTimeoutMs: number;
  /** Bytes that wait for one node, above which it is congested. @default 1 MiB */
  readonly congestedBytes: number;
  /** Congestion is over below this. @default 256 KiB */
  readonly drainedBytes: number;
  /** Bytes that may wait for one node; beyond them messages are refused with BACKPRESSURE. @default 8 MiB */
  readonly maxQueuedBytes: number;
  /** The same, in messages. @default 20,000 */
  readonly maxQueuedMessages: number;
  /** Where a frame of several messages ends. @default 256 KiB */
  readonly maxBatchBytes: number;
  /** Smaller bodies are not compressed. @default 1024 */
  readonly minCompressedBytes: number;
  /** At a stop, for goodbyes beyond the grace. @default 500 */
  readonly closeTimeoutMs: number;
}

const DEFAULT_LIMITS: Omit<HttpLimits, 'maxConnections' | 'connectTimeoutMs'> = {
  ...DEFAULT_DECODE_LIMITS,
  ...DEFAULT_INFLATION_LIMITS,
  maxHeaderBytes: 8 * 1024,
  headersTimeoutMs: 5_000,
  bodyTimeoutMs: 15_000,
  tlsTimeoutMs: 5_000,
  maxConnectionsPerAddress: 1024,
  keepAliveMs: 10_000,
  maxHeld: 10_000,
  maxHeldPerPeer: 1_000,
  maxHeldBytes: 64 * 1024 * 1024,
  maxReadingBytes: 64 * 1024 * 1024,
  requestTimeoutMs: 5_000,
  stallMs: 10_000,
  maxPeers: 10_000,
  peerIdleMs: 300_000,
  maxSockets: 50,
  maxFreeSockets: 10,
  idleMs: 4_000,
  deliveryTimeoutMs: 10_000,
  congestedBytes: 1024 * 1024,
  drainedBytes: 256 * 1024,
  maxQueuedBytes: 8 * 1024 * 1024,
  maxQueuedMessages: 20_000,
  maxBatchBytes: 256 * 1024,
  minCompressedBytes: 1024,
  closeTimeoutMs: 500,
};

const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** @throws NetworkError INVALID_OPTION naming the field */
export function resolveLimits(given: Partial<HttpLimits>, secure: boolean): HttpLimits {
  const limits: HttpLimits = {
    ...DEFAULT_LIMITS,
    connectTimeoutMs: secure ? 5_000 : 2_000,
    ...given,
    maxConnections: given.maxConnections ?? connectionsByOpenFiles(),
  };
  for (const [field, value] of Object.entries(limits)) {
    check(Number.isInteger(value) && value > 0, `limits.${field} must be a positive integer`, value);
  }
  const { maxFrameBytes, maxBatch, maxSockets, maxHeaderBytes } = limits;
  check(maxFrameBytes <= MAX_FRAME_BYTES, 'limits.maxFrameBytes must be at most 16 MiB', maxFrameBytes);
  check(maxBatch <= DEFAULT_DECODE_LIMITS.maxBatch, 'limits.maxBatch must be at most 4096', maxBatch);
  check(maxSockets >= 2, 'limits.maxSockets must be at least 2', maxSockets);
  check(maxHeaderBytes >= 1024, 'limits.maxHeaderBytes must be at least 1024', maxHeaderBytes);
  return limits;
}
