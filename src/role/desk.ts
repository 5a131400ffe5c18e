import type { Clock } from '../base/clock.js';
import { type Deferred, deferred } from '../base/deferred.js';
import { NetworkError } from '../base/errors.js';
import { ANYONE, NODE_NAME, type NodeId, RESERVED_PREFIX } from '../base/names.js';
import type { HandlerContext } from '../manager/handler.js';
import type { NetworkManager } from '../manager/manager.js';
import { shownValue } from '../message/guard.js';
import { type MessageDraft, PRIORITIES, type Priority } from '../message/message.js';
import { draftError } from '../network/draft.js';
import type { SendOutcome } from '../network/network.js';
import { grantOf } from '../security/authorisation.js';
import type { Balancer } from './balancer.js';
import { EMIT, STATUS } from './operations.js';
import type { Emission } from './operator-api.js';
import type { Roster } from './roster.js';
import { aboutItself } from './snapshot.js';
import type { ClusterStatus } from './status.js';
import { objectOf } from './wire.js';

interface DeskParts {
  readonly clock: Clock;
  readonly manager: NetworkManager;
  readonly roster: Roster;
  readonly balancer: Balancer;
  readonly status: () => ClusterStatus;
}

const MAX_WAIT_MS = 3_600_000;

/** Where clients are served: status, and events to many. Who may ask has been looked at before. */
export class Desk {
  readonly #parts: DeskParts;
  /** Those who ask to be answered when something has changed. */
  readonly #waiting = new Set<Deferred<void>>();
  #closed = false;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    const { dispatcher } = parts.manager;
    const options = { concurrency: 10_000 };
    dispatcher.register({ type: STATUS, options, run: (_payload, context) => this.#status(context) });
    dispatcher.register({ type: EMIT, options, run: (_payload, context) => this.#emitMany(context) });
  }

  /** The member table changed: whoever waits for that is answered. */
  changed(): void {
    for (const waiting of this.#waiting) waiting.resolve();
  }

  close(): void {
    this.#closed = true;
    this.changed();
  }

  /** One event of the leader's own. */
  emit(draft: Omit<MessageDraft, 'kind'>): SendOutcome {
    const { manager, balancer } = this.#parts;
    const wrong = draftError(draft);
    if (wrong) throw wrong;
    const to = draft.to === ANYONE ? balancer.pick(draft.type) : draft.to;
    if (to === undefined) return 'UNREACHABLE';
    return manager.sendMessage({ ...draft, kind: 'event', to });
  }

  async #status(context: HandlerContext): Promise<ClusterStatus> {
    const query = context.message.payload === undefined ? {} : objectOf(context.message, STATUS);
    const { after, waitMs } = query;
    if (typeof after === 'number' && typeof waitMs === 'number')
      await this.#waitForChange(after, waitMs, context.signal);
    const { from } = context.message;
    const peer = this.#parts.manager.network.peers.get(from);
    const isWhole = peer !== undefined && grantOf(peer, STATUS) !== 'own';
    return isWhole ? this.#parts.status() : aboutItself(this.#parts.status(), from);
  }

  async #waitForChange(after: number, waitMs: number, signal: AbortSignal): Promise<void> {
    const { roster, clock } = this.#parts;
    if (this.#closed || signal.aborted || roster.table.revision !== after) return;
    const enough = deferred();
    const timer = clock.setTimer(Math.min(waitMs, MAX_WAIT_MS), enough.resolve);
    signal.addEventListener('abort', () => enough.resolve(), { once: true });
    this.#waiting.add(enough);
    await enough.promise;
    this.#waiting.delete(enough);
    timer.cancel();
  }

  #emitMany(context: HandlerContext): readonly Emission[] {
    const { manager } = this.#parts;
    const order = objectOf(context.message, EMIT);
    const { type, nodes, payload } = order;
    const wrong = draftError({ type: type as string });
    if (wrong) throw new NetworkError('INVALID_PAYLOAD', wrong.message);
    if (String(type).startsWith(RESERVED_PREFIX)) {
      throw new NetworkError('INVALID_PAYLOAD', `type: '${type}' is one of netmgr's own, which are no events`);
    }
    const message = manager.stamp.make({
      kind: 'event',
      type: String(type),
      from: context.message.from,
      to: '*',
      priority: PRIORITIES.includes(order['priority'] as Priority) ? (order['priority'] as Priority) : undefined,
      component: typeof order['component'] === 'string' ? order['component'] : undefined,
      payload,
    });
    const names = readNodes(nodes);
    const workers = names.filter((node) => manager.network.peers.get(node)?.role === 'collaborator');
    const outcomes = manager.network.sendMany(message, workers);
    const outcomeOf = new Map(workers.map((node, index) => [node, outcomes[index]]));
    return names.map((node) => emission(node, outcomeOf.get(node) ?? 'UNREACHABLE'));
  }
}

const emission = (node: NodeId, outcome: SendOutcome): Emission =>
  outcome === 'queued' ? { node, sent: true } : { node, sent: false, code: outcome };

function readNodes(value: unknown): readonly NodeId[] {
  const valid = Array.isArray(value) && value.every((node) => typeof node === 'string' && NODE_NAME.test(node));
  if (valid) return value as NodeId[];
  throw new NetworkError('INVALID_MESSAGE', `nodes: a list of node names is expected, not ${shownValue(value)}`);
}
