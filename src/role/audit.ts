import type { ErrorCode, NetworkError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { NodeId, Role } from '../base/names.js';

/** A peer tried what its role may not; its connection ends. */
export interface Refused {
  readonly reason: 'not-permitted';
  readonly node: NodeId;
  readonly role: Role;
  readonly address: string;
  /** Kind and type of the message. */
  readonly action: string;
  readonly error: NetworkError;
}

/** An operator did something that matters to others, or tried to. */
export interface Operated {
  readonly operator: NodeId;
  readonly role?: Role | undefined;
  readonly address?: string | undefined;
  /** The type of the operation: `netmgr.evict`. */
  readonly action: string;
  /** A node's name, the id of a token; never a secret. */
  readonly target?: string | undefined;
  /** Why it failed; left out when it was done. */
  readonly failed?: ErrorCode | undefined;
}

/** Where refusals and what operators did are written down: a line each, and counters. */
export interface Audit {
  readonly counters: Readonly<Record<string, number>>;
  refused(refused: Refused): void;
  operated(operated: Operated): void;
}

/** The plain one: a line for each, in the log of the role. */
export class LogAudit implements Audit {
  readonly #log: Log;
  readonly counters: Record<'refused' | 'refusedNotPermitted' | 'operations' | 'operationsFailed', number> = {
    refused: 0,
    refusedNotPermitted: 0,
    operations: 0,
    operationsFailed: 0,
  };

  constructor(log: Log) {
    this.#log = log;
  }

  refused({ error, ...who }: Refused): void {
    this.counters.refused += 1;
    this.counters.refusedNotPermitted += 1;
    this.#log.warn({ audit: 'refused', code: error.code, ...who }, `refused: ${error.message}`);
  }

  operated(operated: Operated): void {
    this.counters.operations += 1;
    if (operated.failed !== undefined) this.counters.operationsFailed += 1;
    const { operator, action, target } = operated;
    this.#log.info({ audit: 'operated', ...operated }, [`${operator}: ${action}`, target].filter(Boolean).join(' '));
  }
}
