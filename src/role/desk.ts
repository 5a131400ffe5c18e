import type { Clock } from '../base/clock.js';
import { type Deferred, deferred } from '../base/deferred.js';
import { NetworkError } from '../base/errors.js';
import { ANYONE, NODE_NAME, type NodeId, type Role } from '../base/names.js';
import { draftError } from '../manager/draft.js';
import type { HandlerContext } from '../manager/handler.js';
import type { NetworkManager } from '../manager/manager.js';
import { type MessageDraft, PRIORITIES, type Priority } from '../message/message.js';
import type { SendOutcome } from '../network/network.js';
import type { Balancer } from './balancer.js';
import { EMIT, EVICT, STATUS } from './operations.js';
import type { Emission } from './operator-api.js';
import type { Roster } from './roster.js';
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

/** Where operators are served: status, events to many, evictions. */
export class Desk {
  readonly #parts: DeskParts;
  /** Those who ask to be answered when something has changed. */
  readonly #waiting = new Set<Deferred<void>>();
  #closed = false;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    const { dispatcher } = parts.manager;
    const operation = (type: string, roles: readonly Role[], run: (context: HandlerContext) => unknown) =>
      dispatcher.register({
        type,
        options: { concurrency: 10_000 },
        run: (_payload, context) => {
          this.#authorise(context, roles);
          return run(context);
        },
      });
    operation(STATUS, ['operator', 'observer'], (context) => this.#status(context));
    operation(EMIT, ['operator'], (context) => this.#emitMany(context));
    operation(EVICT, ['operator'], (context) => this.#evict(context));
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

  #authorise(context: HandlerContext, roles: readonly Role[]): void {
    const { from, type } = context.message;
    const role = this.#parts.manager.network.peers.get(from)?.role;
    if (role && roles.includes(role)) return;
    throw new NetworkError(
      'NOT_ALLOWED',
      `${from} is ${role ?? 'not connected'}: '${type}' is for ${roles.join(' and ')}`,
    );
  }

  async #status(context: HandlerContext): Promise<ClusterStatus> {
    const query = context.message.payload === undefined ? {} : objectOf(context.message, STATUS);
    const { after, waitMs } = query;
    if (typeof after === 'number' && typeof waitMs === 'number')
      await this.#waitForChange(after, waitMs, context.signal);
    return this.#parts.status();
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
    const outcomes = manager.network.sendMany(message, names);
    return names.map((node, index) => emission(node, outcomes[index] ?? 'UNREACHABLE'));
  }

  #evict(context: HandlerContext): { readonly node: NodeId } {
    const { node } = objectOf(context.message, EVICT);
    if (typeof node === 'string' && this.#parts.roster.evict(node)) return { node };
    throw new NetworkError('NO_TARGET', `no node is called '${String(node).slice(0, 80)}'`, {
      hint: "'netmgr nodes ls' shows the names",
    });
  }
}

const emission = (node: NodeId, outcome: SendOutcome): Emission =>
  outcome === 'queued' ? { node, sent: true } : { node, sent: false, code: outcome };

function readNodes(value: unknown): readonly NodeId[] {
  const valid = Array.isArray(value) && value.every((node) => typeof node === 'string' && NODE_NAME.test(node));
  if (valid) return value as NodeId[];
  throw new NetworkError('INVALID_MESSAGE', 'nodes: a list of node names is expected');
}
