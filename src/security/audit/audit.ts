import type { Clock, Timer } from '../../base/clock.js';
import { type ErrorCode, messageOf, type NetworkError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { NodeId, Role } from '../../base/names.js';
import { addressGroup } from '../devices/address-group.js';
import { AuditWindows, type Withheld } from './audit-window.js';

/** Why someone was refused: a closed set, and a counter for each. */
const REFUSALS = {
  /** The answer to the challenge could not be read, or was none. */
  malformed: 'refusedMalformed',
  /** No invitation has the token's id. */
  'unknown-token': 'refusedUnknownToken',
  /** An invitation has the id, but not this secret or role. */
  'wrong-token': 'refusedWrongToken',
  'token-expired': 'refusedTokenExpired',
  'token-used': 'refusedTokenUsed',
  'token-revoked': 'refusedTokenRevoked',
  /** No device has the key. */
  'unknown-key': 'refusedUnknownKey',
  /** The signature is not one of this key, connection, role and name. */
  'wrong-proof': 'refusedWrongProof',
  'wrong-role': 'refusedWrongRole',
  'wrong-name': 'refusedWrongName',
  'name-in-use': 'refusedNameInUse',
  evicted: 'refusedEvicted',
  /** Too many wrong credentials came from there. */
  locked: 'refusedLocked',
  'wrong-cluster': 'refusedWrongCluster',
  /** The connection is not one that a device can prove itself on. */
  'no-tls': 'refusedNoTls',
  /** The leader could not store the device. */
  storage: 'refusedStorage',
  /** The leader has as many devices as it can keep. */
  full: 'refusedFull',
  /** Authenticated, but its role may not do this. */
  'not-permitted': 'refusedNotPermitted',
} as const;

export type RefusalReason = keyof typeof REFUSALS;

export interface Refusal {
  readonly reason: RefusalReason;
  /** `host:port` of the peer. */
  readonly address: string;
  /** Who it said it was. */
  readonly node?: NodeId | undefined;
  readonly role?: Role | undefined;
  /** Public id of the token. */
  readonly token?: string | undefined;
  /** Id of the device's key. */
  readonly device?: string | undefined;
  /** What it wanted to do. */
  readonly action?: string | undefined;
  readonly error: NetworkError;
}

export interface Operation {
  readonly operator: NodeId;
  readonly address?: string | undefined;
  readonly role?: Role | undefined;
  /** What was asked for, such as `netmgr.invite.create`. */
  readonly action: string;
  /** What it was done to: a node's name, an invitation's id. */
  readonly target?: string | undefined;
  /** Left out: it was done. */
  readonly failed?: ErrorCode | undefined;
}

export interface AuditOptions {
  readonly clock: Clock;
  readonly log: Log;
}

/** What stands in a line of a peer's own words, at most. */
const MAX_TEXT = 200;

/**
 * Who was refused and what operators did: a structured log line (`audit` says which of the two) and an exact counter
 * each. Of the refusals of one address the first 10 a minute have a line, then one sums up. No secret gets here:
 * tokens and keys are named by their ids.
 */
export class Audit {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #windows = new AuditWindows();
  readonly #counters: Record<string, number> = { ...zeros(), auditWithheld: 0, operations: 0, operationsFailed: 0 };
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: AuditOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Refusals by reason, `refused` in all, `auditWithheld` (those without a line of their own), and `operations`. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters;
  }

  refused(refusal: Refusal): void {
    this.#count(REFUSALS[refusal.reason]);
    this.#count('refused');
    const now = this.#clock.now();
    this.#summarise(now);
    if (this.#windows.add(addressGroup(refusal.address), refusal.reason, now)) this.#tell(refusal);
    else this.#count('auditWithheld');
    this.#arm(now);
  }

  operated(operation: Operation): void {
    this.#count('operations');
    if (operation.failed !== undefined) this.#count('operationsFailed');
    const { operator, address, role, action, target, failed } = operation;
    const fields = { audit: 'operated', operator, address, role, action, target: clip(target), failed };
    this.#log.info(fields, `${operator}: ${action}${target === undefined ? '' : ` ${clip(target)}`}`);
  }

  /** Sums up what was left out so far, and ends the timer: what comes later is counted, but not summed up. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#summarise(Number.POSITIVE_INFINITY);
  }

  #count(name: string): void {
    this.#counters[name] = (this.#counters[name] ?? 0) + 1;
  }

  #tell(refusal: Refusal): void {
    const { reason, address, node, role, token, device, action, error } = refusal;
    const who = { address, node: clip(node), role, token: clip(token), device: clip(device), action: clip(action) };
    const cause = error.cause === undefined ? undefined : clip(messageOf(error.cause));
    this.#log.warn({ audit: 'refused', reason, code: error.code, ...who, cause }, `refused: ${clip(error.message)}`);
  }

  #summarise(now: number): void {
    for (const { address, lines, reasons } of this.#windows.due(now)) this.#sumUp({ address, lines, reasons });
  }

  #sumUp({ address, lines, reasons }: Withheld): void {
    this.#log.warn({ audit: 'refused', address, withheld: lines, reasons }, `refused ${lines} more of ${address}`);
  }

  #arm(now: number): void {
    if (this.#timer || this.#stopped) return;
    const delayMs = this.#windows.nextMs(now);
    if (delayMs === undefined) return;
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      const then = this.#clock.now();
      this.#summarise(then);
      this.#arm(then);
    });
  }
}

const zeros = (): Record<string, number> =>
  Object.fromEntries(['refused', ...Object.values(REFUSALS)].map((name) => [name, 0]));

const clip = (text: string | undefined): string | undefined =>
  text !== undefined && text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
