import { NetworkError } from '../../base/errors.js';
import { DEFAULT_DECODE_LIMITS, type DecodeLimits } from '../../message/codec.js';
import { DEFAULT_INFLATION_LIMITS, type InflationLimits } from '../inflation-budget.js';
import { DEFAULT_OUTBOUND_LIMITS, type OutboundLimits } from '../outbound.js';
import { connectionsByOpenFiles } from './open-files.js';
import { DEFAULT_REFUSED_LIMITS, type RefusedLimits } from './read-throttle.js';

/** The bounds of every transport that carries frames over sockets; each has a row in docs/limits.md. */
export interface FramedLimits extends DecodeLimits, OutboundLimits, InflationLimits, RefusedLimits {
  /** From accept to authenticated, everything included. @default 5000 */
  readonly handshakeTimeoutMs: number;
  /** Sockets that have not authenticated. @default 512 */
  readonly maxUnauthenticated: number;
  /** The same, of one IP address. @default 16 */
  readonly maxUnauthenticatedPerAddress: number;
  /** Bytes of a socket before it has authenticated, an HTTP upgrade included; TLS may take 4,096 more. @default 4096 */
  readonly maxUnauthenticatedBytes: number;
  /** Connections that have authenticated, of one IP address. @default 256 */
  readonly maxConnectionsPerAddress: number;
  /** The same, of all addresses. @default the limit of open files less 256; less a quarter if that is fewer */
  readonly maxConnections: number;
  /** What has arrived is acknowledged after this long at the latest; must be well below the peer's `stallMs`. @default 3000 */
  readonly ackDelayMs: number;
  /** A peer that acknowledges nothing of what it owes for this long is dropped. @default 10,000 */
  readonly stallMs: number;
  /** Queued bytes of all connections together, beyond which `pressedStallMs` holds. @default 8 MiB */
  readonly maxAllQueuedBytes: number;
  /** In the place of `stallMs`, for a peer for which something is queued, as long as too much is queued in all. @default 2000 */
  readonly pressedStallMs: number;
  /** Invalid messages within `faultWindowMs` that end a connection. @default 16 */
  readonly maxFaults: number;
  /** @default 10,000 */
  readonly faultWindowMs: number;
  /** Bytes in the socket's own buffer beyond which nothing more is given to it. @default 256 KiB */
  readonly maxSocketBytes: number;
  /** How long a peer has to answer a close. @default 500 */
  readonly closeTimeoutMs: number;
  /** How often deadlines are looked at. @default 500 */
  readonly sweepMs: number;
}

/** `maxConnections` is not among them: it is the machine's to say. */
export const DEFAULT_FRAMED_LIMITS: Omit<FramedLimits, 'maxConnections'> = {
  ...DEFAULT_DECODE_LIMITS,
  ...DEFAULT_OUTBOUND_LIMITS,
  ...DEFAULT_INFLATION_LIMITS,
  ...DEFAULT_REFUSED_LIMITS,
  handshakeTimeoutMs: 5_000,
  maxUnauthenticated: 512,
  maxUnauthenticatedPerAddress: 16,
  maxUnauthenticatedBytes: 4_096,
  maxConnectionsPerAddress: 256,
  ackDelayMs: 3_000,
  stallMs: 10_000,
  maxAllQueuedBytes: 8 * 1024 * 1024,
  pressedStallMs: 2_000,
  maxFaults: 16,
  faultWindowMs: 10_000,
  maxSocketBytes: 256 * 1024,
  closeTimeoutMs: 500,
  sweepMs: 500,
};

const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/**
 * @param listens whether there may be more than the one connection that is dialled
 * @throws NetworkError INVALID_OPTION naming the field
 */
export function resolveLimits<L extends FramedLimits>(
  defaults: Omit<L, 'maxConnections'>,
  given: Partial<L>,
  listens: boolean,
): L {
  const maxConnections = given.maxConnections ?? (listens ? connectionsByOpenFiles() : 1);
  const limits = { ...defaults, ...given, maxConnections } as L;
  for (const [field, value] of Object.entries(limits)) {
    check(Number.isInteger(value) && value > 0, `limits.${field} must be a positive integer`, value);
  }
  check(limits.maxFrameBytes <= MAX_FRAME_BYTES, 'limits.maxFrameBytes must be at most 16 MiB', limits.maxFrameBytes);
  check(limits.maxBatch <= 4096, 'limits.maxBatch must be at most 4096', limits.maxBatch);
  return limits;
}

/**
 * @param rule which field must be what, and `value` is not
 * @throws NetworkError INVALID_OPTION
 */
export function check(valid: boolean, rule: string, value: unknown): void {
  if (!valid) throw new NetworkError('INVALID_OPTION', `${rule}, not ${JSON.stringify(value) ?? String(value)}`);
}
