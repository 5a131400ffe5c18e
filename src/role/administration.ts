import { isNetworkError, NetworkError, toNetworkError } from '../base/errors.js';
import { NODE_NAME, type NodeId } from '../base/names.js';
import type { HandlerContext } from '../manager/handler.js';
import type { NetworkManager } from '../manager/manager.js';
import { shownValue } from '../message/guard.js';
import type { Audit } from './audit.js';
import type { Evictions } from './evictions.js';
import {
  AUTHORITY_ROTATE,
  AUTHORITY_SHOW,
  EVICT,
  FORGET,
  INVITE_CREATE,
  INVITE_LIST,
  INVITE_REVOKE,
  INVITE_ROTATE,
} from './operations.js';
import type { InviteOptions, SecurityOperations } from './security-operations.js';
import { objectOf } from './wire.js';

interface AdministrationParts {
  readonly manager: NetworkManager;
  readonly evictions: Evictions;
  readonly audit: Audit;
  readonly security: SecurityOperations | undefined;
  /** Where the leader is reached, from other hosts and from its own. */
  readonly addresses: () => { readonly address: string; readonly localAddress: string };
}

type Fields = Readonly<Record<string, unknown>>;

interface Done {
  readonly answer: unknown;
  /** For the audit, if the order did not say it. */
  readonly target?: string | undefined;
}

/** What operators do to the cluster itself: nodes, tokens and certificates. Each of it is audited, done or not. */
export class Administration {
  readonly #parts: AdministrationParts;

  constructor(parts: AdministrationParts) {
    this.#parts = parts;
  }

  /** Registers the operations. */
  listen(): void {
    const { evictions } = this.#parts;
    this.#operation(EVICT, async (order) => {
      const node = textOf(order, 'node');
      if (!(await evictions.evict(node))) throw unknown(node);
      return { answer: { node } };
    });
    this.#operation(FORGET, async (order) => {
      const node = textOf(order, 'node');
      if (!(await evictions.forget(node))) throw unknown(node);
      return { answer: { node } };
    });
    this.#tokens();
    this.#operation(AUTHORITY_SHOW, async () => ({ answer: this.#security().authority() }));
    this.#operation(AUTHORITY_ROTATE, async () => {
      const answer = await this.#security().rotateAuthority();
      return { answer, target: answer.fingerprint };
    });
  }

  #tokens(): void {
    this.#operation(INVITE_CREATE, async (order) => {
      const { role, uses, ttlMs, maySubmit } = order;
      // Whatever it is, it is looked at where the token is made.
      const made = await this.#security().invites.create({ role, uses, ttlMs, maySubmit } as InviteOptions);
      return { answer: { ...made, ...this.#parts.addresses() }, target: made.id };
    });
    this.#operation(INVITE_LIST, async () => ({ answer: this.#security().invites.list() }));
    this.#operation(INVITE_REVOKE, async (order) => {
      const revoked = await this.#security().invites.revoke(textOf(order, 'id'));
      return { answer: { revoked } };
    });
    this.#operation(INVITE_ROTATE, async () => ({ answer: { revoked: await this.#security().invites.revokeAll() } }));
  }

  #operation(type: string, run: (order: Fields) => Promise<Done>): void {
    this.#parts.manager.dispatcher.register({
      type,
      options: {},
      run: (_payload, context) => this.#perform(context, run),
    });
  }

  async #perform({ message }: HandlerContext, run: (order: Fields) => Promise<Done>): Promise<unknown> {
    const { manager, audit } = this.#parts;
    const { from: operator, type: action } = message;
    const peer = manager.network.peers.get(operator);
    const who = { operator, role: peer?.role, address: peer?.address, action };
    let target: string | undefined;
    try {
      const order = message.payload === undefined ? {} : objectOf(message, action);
      target = targetOf(order);
      const done = await run(order);
      audit.operated({ ...who, target: done.target ?? target });
      return done.answer;
    } catch (thrown) {
      const error = toNetworkError(thrown);
      audit.operated({ ...who, target, failed: error.code });
      // The option was the operator's, and this is its message.
      throw isNetworkError(thrown) && error.code === 'INVALID_OPTION' ? payloadError(error) : thrown;
    }
  }

  #security(): SecurityOperations {
    const { security } = this.#parts;
    if (security) return security;
    throw new NetworkError('NOT_ALLOWED', 'this leader runs in plaintext: it has no tokens and no certificates');
  }
}

const payloadError = (cause: NetworkError): NetworkError =>
  new NetworkError('INVALID_PAYLOAD', cause.message, { cause, hint: cause.hint });

/** What may stand in a log: a name or an id. A token, given by mistake, is neither. */
function targetOf({ node, id }: Fields): string | undefined {
  const target = node ?? id;
  return typeof target === 'string' && NODE_NAME.test(target) ? target : undefined;
}

function textOf(order: Fields, field: string): string {
  const value = order[field];
  if (typeof value === 'string') return value;
  throw new NetworkError('INVALID_PAYLOAD', `${field}: a text is expected, not ${shownValue(value)}`);
}

const unknown = (node: NodeId): NetworkError =>
  new NetworkError('NO_TARGET', `no node is called '${node.slice(0, 80)}'`, {
    hint: "'netmgr nodes ls' shows the names",
  });
