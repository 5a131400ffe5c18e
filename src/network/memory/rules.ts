import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { MessageKind, NetworkMessage } from '../../message/message.js';

/** Which messages a rule is about. All that is given must hold; nothing given is every message. */
export interface RuleMatch {
  /** The node whose network sends it: of a relayed message, the relay. */
  readonly from?: NodeId | undefined;
  /** The node that it is on its way to. */
  readonly to?: NodeId | undefined;
  readonly kind?: MessageKind | undefined;
  readonly type?: string | undefined;
  /** Anything else. Must depend on the message alone, or the run cannot be repeated. */
  readonly where?: ((message: NetworkMessage) => boolean) | undefined;
}

/** What a rule does to its messages. */
export type RuleAction =
  | { readonly kind: 'drop' | 'corrupt' | 'duplicate' | 'pass' }
  | { readonly kind: 'delay'; readonly ms: number };

/** Rules that stand at once; more are refused. */
const MAX_RULES = 1000;

/** A rule that is being made: it stands once it is told what to do. */
export class RuleDraft {
  readonly #rules: Rules;
  readonly #match: RuleMatch;
  #skip = 0;
  #times = Number.POSITIVE_INFINITY;

  /** @internal */
  constructor(rules: Rules, match: RuleMatch) {
    this.#rules = rules;
    this.#match = match;
  }

  /** The first message that matches, and no other. */
  once(): this {
    return this.times(1);
  }

  /** The first so many that match. @throws NetworkError INVALID_OPTION */
  times(count: number): this {
    this.#times = natural('times', count);
    return this;
  }

  /** Lets so many that match pass first. @throws NetworkError INVALID_OPTION */
  after(count: number): this {
    this.#skip = natural('after', count);
    return this;
  }

  /** They are lost. */
  drop(): Rule {
    return this.#stand({ kind: 'drop' });
  }

  /** They take so much longer, in milliseconds; later ones overtake them. @throws NetworkError INVALID_OPTION */
  delay(ms: number): Rule {
    if (!(Number.isFinite(ms) && ms >= 0)) {
      throw new NetworkError('INVALID_OPTION', `delay: ${ms} is not a number of milliseconds, 0 or more`);
    }
    return this.#stand({ kind: 'delay', ms });
  }

  /** Their bytes are damaged: the receiver cannot read them, and ends the connection. */
  corrupt(): Rule {
    return this.#stand({ kind: 'corrupt' });
  }

  /** They arrive twice. */
  duplicate(): Rule {
    return this.#stand({ kind: 'duplicate' });
  }

  /** Nothing happens to them: later rules and the link's chance of loss are not asked. */
  pass(): Rule {
    return this.#stand({ kind: 'pass' });
  }

  #stand(action: RuleAction): Rule {
    return this.#rules.add(new Rule({ match: this.#match, action, skip: this.#skip, times: this.#times }));
  }
}

interface RuleParts {
  readonly match: RuleMatch;
  readonly action: RuleAction;
  readonly skip: number;
  readonly times: number;
}

/** A rule that stands, until it is used up or disposed of. */
export class Rule implements Disposable {
  readonly #parts: RuleParts;
  /** Messages that it has acted on. */
  hits = 0;
  #seen = 0;
  #over = false;

  /** @internal */
  constructor(parts: RuleParts) {
    this.#parts = parts;
    this.#over = parts.times === 0;
  }

  /** It acts on nothing any more. */
  get over(): boolean {
    return this.#over;
  }

  /** What it does to this message, if it is about it. */
  verdict(from: NodeId, to: NodeId, message: NetworkMessage): RuleAction | undefined {
    const { match, action, skip, times } = this.#parts;
    if (this.#over || !matches(match, { from, to, message })) return undefined;
    this.#seen += 1;
    if (this.#seen <= skip) return undefined;
    this.hits += 1;
    if (this.hits >= times) this.#over = true;
    return action;
  }

  [Symbol.dispose](): void {
    this.#over = true;
  }
}

/** The rules of a hub, asked in the order of their making; the first that is about a message decides. */
export class Rules {
  #standing: Rule[] = [];

  get any(): boolean {
    return this.#standing.length > 0;
  }

  /** @throws NetworkError INVALID_OPTION when there are too many */
  add(rule: Rule): Rule {
    this.#standing = this.#standing.filter(({ over }) => !over);
    if (this.#standing.length >= MAX_RULES) {
      throw new NetworkError('INVALID_OPTION', `there are ${MAX_RULES} rules already: dispose of some`);
    }
    this.#standing.push(rule);
    return rule;
  }

  verdict(from: NodeId, to: NodeId, message: NetworkMessage): RuleAction | undefined {
    for (const rule of this.#standing) {
      const action = rule.verdict(from, to, message);
      if (!action) continue;
      if (rule.over) this.#standing = this.#standing.filter(({ over }) => !over);
      return action;
    }
    return undefined;
  }

  clear(): void {
    for (const rule of this.#standing) rule[Symbol.dispose]();
    this.#standing = [];
  }
}

function matches(
  { from, to, kind, type, where }: RuleMatch,
  on: { readonly from: NodeId; readonly to: NodeId; readonly message: NetworkMessage },
): boolean {
  if (from !== undefined && from !== on.from) return false;
  if (to !== undefined && to !== on.to) return false;
  if (kind !== undefined && kind !== on.message.kind) return false;
  if (type !== undefined && type !== on.message.type) return false;
  return where === undefined || where(on.message);
}

function natural(field: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new NetworkError('INVALID_OPTION', `${field}: ${count} is not a whole number, 0 or more`);
}
