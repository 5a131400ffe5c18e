import { NetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import { lostAfterMs } from './failure-detector.js';
import { isPresent, type Member } from './member.js';

const MAX_EVICTED = 1_000;

/** Who asks for a name. */
export interface NameClaim {
  readonly node: NodeId;
  readonly instance: string;
}

/** `ok`: the name is free. `replace`: the same process is back, and its old connection, if any, ends. */
export type NameVerdict = 'ok' | 'replace' | NetworkError;

/**
 * A name belongs to the process that holds it for as long as that is connected, suspects included: a pause of six
 * seconds must not cost a member its name. A `left` or `lost` holder's name is free.
 */
export function judgeName(claim: NameClaim, holder: Member | undefined, now: number): NameVerdict {
  if (!holder) return 'ok';
  if (holder.instance === claim.instance) return 'replace';
  if (!isPresent(holder.status)) return 'ok';
  const heldFor = Math.round((now - holder.joinedAt) / 1_000);
  const freeIn = Math.ceil(lostAfterMs(holder.intervalMs) / 1_000);
  return new NetworkError(
    'NAME_IN_USE',
    `the name ${claim.node} is held by another process: pid ${holder.pid} at ${holder.address}, joined ${heldFor} s ago, ${holder.status}`,
    {
      node: claim.node,
      hint: `Choose another name, or stop that process; if its machine died, the name is free about ${freeIn} s after its last sign of life.`,
    },
  );
}

/** The processes that an operator removed. Bounded: the oldest go first. */
export class EvictedInstances {
  readonly #instances = new Set<string>();

  /** @returns whether another had to be forgotten for it */
  add(instance: string): boolean {
    this.#instances.add(instance);
    if (this.#instances.size <= MAX_EVICTED) return false;
    const oldest = this.#instances.values().next();
    if (!oldest.done) this.#instances.delete(oldest.value);
    return true;
  }

  /** Why this process may not come in, if it may not. */
  refusal(claim: NameClaim): NetworkError | undefined {
    if (!this.#instances.has(claim.instance)) return undefined;
    return evictedError(claim.node);
  }
}

/** What an evicted process is told, at once and whenever it tries again. */
export const evictedError = (node: NodeId): NetworkError =>
  new NetworkError('EVICTED', `an operator removed ${node} from the cluster; this process may not come back`, {
    node,
    hint: 'Start the process anew if it should join again.',
  });
