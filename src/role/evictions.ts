import { NetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import type { Candidate, Network, Peer } from '../network/network.js';
import type { Roster } from './roster.js';
import type { SecurityOperations } from './security-operations.js';

interface EvictionsParts {
  readonly network: () => Network;
  readonly roster: Roster;
  readonly security: SecurityOperations | undefined;
}

/** What a UNIX socket's peers have for an address. They are the leader's own user, and no device. */
const UNIX = 'unix';

/** Shuts nodes out, with their keys and everything that these have open; and frees their names again. */
export class Evictions {
  readonly #parts: EvictionsParts;
  readonly #subscription: Disposable | undefined;

  constructor(parts: EvictionsParts) {
    this.#parts = parts;
    this.#subscription = parts.security?.devices.onEvicted(({ name }) => this.#endSessions(name, true));
  }

  /** A key that was evicted while it was proving itself comes too late. */
  admit({ node, address }: Candidate): NetworkError | undefined {
    const device = address === UNIX ? undefined : this.#parts.security?.devices.holder(node);
    return device?.evictedAt === undefined ? undefined : evictedError(node);
  }

  /**
   * Ends every connection of the node, or of the operator or observer whose key has this name, and refuses its key; one
   * without a key: its process.
   * @returns once that is stored; whether there is such a node or key
   * @throws NetworkError NO_TARGET for the name of a session that is not its key's; IO: until the next start only
   */
  async evict(name: NodeId): Promise<boolean> {
    const { roster, security } = this.#parts;
    const key = security?.devices.holder(name)?.name ?? name;
    if (key !== name) throw sessionError(name, key);
    // Now, and not only once the disk has it.
    const wasMember = roster.evict(name);
    this.#endSessions(name);
    const wasDevice = (await security?.devices.evict(name)) ?? false;
    return wasDevice || wasMember;
  }

  /**
   * @returns whether there was such a name
   * @throws NetworkError NAME_IN_USE for one that is connected; IO
   */
  async forget(name: NodeId): Promise<boolean> {
    const { roster, security } = this.#parts;
    const there = this.#sessions(name)[0];
    if (there) throw presentError(name, there);
    const wasDevice = (await security?.devices.forget(name)) ?? false;
    const wasMember = roster.forget(name);
    return wasDevice || wasMember;
  }

  stop(): void {
    this.#subscription?.[Symbol.dispose]();
  }

  /** @param forgotten the key is unknown already */
  #endSessions(name: NodeId, forgotten = false): void {
    const { network, roster } = this.#parts;
    for (const { node, role } of this.#sessions(name, forgotten)) {
      if (role === 'collaborator') roster.evict(node);
      network().disconnect(node, evictedError(node));
    }
  }

  /** Connections under the name: a collaborator has one, the others `name` and `name.<suffix>`. */
  #sessions(name: NodeId, forgotten = false): Peer[] {
    const { network, security } = this.#parts;
    return [...network().peers.values()].filter(({ node, role, address }) => {
      if (role === 'collaborator') return node === name;
      if (address === UNIX || (node !== name && !node.startsWith(`${name}.`))) return false;
      // `ops.east` may be a connection of `ops`, or have a key of its own.
      const holder = security?.devices.holder(node);
      return holder === undefined ? forgotten : holder.name === name;
    });
  }
}

const evictedError = (node: NodeId): NetworkError =>
  new NetworkError('EVICTED', `an operator removed ${node} from the cluster; its key is refused`, {
    node,
    hint: "'netmgr nodes forget' on the leader's host frees the name; then it can join with a new token.",
  });

const sessionError = (session: NodeId, key: NodeId): NetworkError =>
  new NetworkError('NO_TARGET', `'${session}' is a connection of '${key}', whose key it is: evict '${key}'`);

const presentError = (name: NodeId, { node, role, address }: Peer): NetworkError =>
  new NetworkError(
    'NAME_IN_USE',
    `${node} is connected (${role} at ${address}): stop it, or evict it first with 'netmgr nodes evict ${name}'`,
    { node },
  );
