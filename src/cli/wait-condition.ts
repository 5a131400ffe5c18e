import { type ClusterStatus, MEMBER_STATUSES, type MemberStatus } from '../role/status.js';
import { usageError } from './exit-codes.js';

type Operator = '>=' | '<=' | '>' | '<' | '=' | '!=';

interface Term {
  readonly count: MemberStatus | 'nodes';
  readonly operator: Operator;
  readonly number: number;
}

/** Holds when every term holds. */
export interface WaitCondition {
  readonly source: string;
  readonly terms: readonly Term[];
}

const FORMS = `The form is 'alive>=3' or 'alive>=3,lost=0'; counted are ${MEMBER_STATUSES.join(', ')} and nodes (all of them).`;

/** @throws CommandError (2) naming the term that is wrong */
export function parseWaitCondition(source: string): WaitCondition {
  const terms = source.split(/,|\band\b|&&/).map((text) => parseTerm(text.trim(), source));
  return { source, terms };
}

function parseTerm(text: string, source: string): Term {
  const match = /^([a-z]+)\s*(>=|<=|!=|==|=|>|<)\s*(\d{1,9})$/.exec(text);
  const [, name, operator, number] = match ?? [];
  const count = [...MEMBER_STATUSES, 'nodes' as const].find((each) => each === name);
  if (count === undefined) throw usageError(`'${text || source}' is not a condition to wait for`, FORMS);
  return { count, operator: operator === '==' ? '=' : (operator as Operator), number: Number(number) };
}

export const holds = (condition: WaitCondition, status: ClusterStatus): boolean =>
  condition.terms.every((term) => compare(countOf(term.count, status), term.operator, term.number));

const countOf = (count: Term['count'], status: ClusterStatus): number =>
  count === 'nodes' ? status.nodes.length : status.counts[count];

function compare(left: number, operator: Operator, right: number): boolean {
  switch (operator) {
    case '>=':
      return left >= right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '<':
      return left < right;
    case '=':
      return left === right;
    case '!=':
      return left !== right;
  }
}
