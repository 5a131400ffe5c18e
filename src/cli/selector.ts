import type { NodeStatus } from '../role/status.js';
import { usageError } from './exit-codes.js';
import { matchesGlob } from './glob.js';

/** What a condition may ask about a node. */
export type Selectable = Pick<NodeStatus, 'node' | 'status' | 'tags' | 'handlers'>;

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly inner: Condition }
  | { readonly kind: 'is'; readonly field: Field; readonly pattern: string };

export type Field = { readonly kind: 'name' | 'status' | 'handler' } | { readonly kind: 'tag'; readonly tag: string };

interface Token {
  readonly kind: 'word' | 'text' | '(' | ')' | '=' | '!=' | 'end';
  readonly text: string;
  /** Characters before it. */
  readonly at: number;
}

const LONGEST_CONDITION = 4096;
const DEEPEST_CONDITION = 64;
const FORMS =
  "A condition is like 'tag.gpu=1 and not (name=db* or status=suspect)'; fields: name, status, handler, tag.KEY.";

/**
 * `tag.gpu=1 and not name=db*`: `and` binds closer than `or`, `not` closest; values may hold `*` and `?`, or be
 * quoted. `tag.gpu` alone asks whether there is such a tag.
 * @throws CommandError (2) that names what is wrong and where
 */
export function parseCondition(source: string): Condition {
  if (source.length > LONGEST_CONDITION)
    throw usageError(`the condition is longer than ${LONGEST_CONDITION} characters`);
  return new Parser(source).parse();
}

export function matches(condition: Condition, node: Selectable): boolean {
  switch (condition.kind) {
    case 'and':
      return matches(condition.left, node) && matches(condition.right, node);
    case 'or':
      return matches(condition.left, node) || matches(condition.right, node);
    case 'not':
      return !matches(condition.inner, node);
    case 'is':
      return valuesOf(condition.field, node).some((value) => matchesGlob(condition.pattern, value));
  }
}

function valuesOf(field: Field, node: Selectable): readonly string[] {
  switch (field.kind) {
    case 'name':
      return [node.node];
    case 'status':
      return [node.status];
    case 'handler':
      return node.handlers;
    case 'tag': {
      const value = Object.hasOwn(node.tags, field.tag) ? node.tags[field.tag] : undefined;
      return value === undefined ? [] : [value];
    }
  }
}

class Parser {
  readonly #source: string;
  #position = 0;
  #token: Token;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    this.#token = this.#read();
  }

  parse(): Condition {
    const condition = this.#or();
    if (this.#token.kind !== 'end') throw this.#unexpected("'and', 'or' or the end");
    return condition;
  }

  #or(): Condition {
    let left = this.#and();
    while (this.#isWord('or')) {
      this.#next();
      left = { kind: 'or', left, right: this.#and() };
    }
    return left;
  }

  #and(): Condition {
    let left = this.#not();
    while (this.#isWord('and')) {
      this.#next();
      left = { kind: 'and', left, right: this.#not() };
    }
    return left;
  }

  #not(): Condition {
    this.#depth += 1;
    if (this.#depth > DEEPEST_CONDITION)
      throw this.#wrong(`more than ${DEEPEST_CONDITION} conditions inside one another`);
    const condition = this.#inner();
    this.#depth -= 1;
    return condition;
  }

  #inner(): Condition {
    if (this.#isWord('not')) {
      this.#next();
      return { kind: 'not', inner: this.#not() };
    }
    if (!this.#took('(')) return this.#comparison();
    const condition = this.#or();
    if (!this.#took(')')) throw this.#unexpected("')'");
    return condition;
  }

  #comparison(): Condition {
    const field = this.#field();
    const differs = this.#took('!=');
    if (!differs && !this.#took('=')) {
      if (field.kind === 'tag') return { kind: 'is', field, pattern: '*' };
      throw this.#unexpected("'=' or '!='");
    }
    const is: Condition = { kind: 'is', field, pattern: this.#value() };
    return differs ? { kind: 'not', inner: is } : is;
  }

  #field(): Field {
    const { kind, text } = this.#token;
    if (kind !== 'word') throw this.#unexpected('a field');
    const field = fieldOf(text);
    if (field === undefined) throw this.#wrong(`'${text}' is not a field`);
    this.#next();
    return field;
  }

  #value(): string {
    const { kind, text } = this.#token;
    if (kind !== 'word' && kind !== 'text') throw this.#unexpected('a value');
    this.#next();
    return text;
  }

  /** Goes past the token if it is of this kind. */
  #took(kind: Token['kind']): boolean {
    if (this.#token.kind !== kind) return false;
    this.#next();
    return true;
  }

  #isWord(word: string): boolean {
    return this.#token.kind === 'word' && this.#token.text === word;
  }

  #next(): void {
    this.#token = this.#read();
  }

  #read(): Token {
    while (/\s/.test(this.#source[this.#position] ?? '')) this.#position += 1;
    const at = this.#position;
    const rest = this.#source.slice(at);
    if (rest === '') return { kind: 'end', text: '', at };
    const sign = /^(?:!=|[()=])/.exec(rest)?.[0];
    if (sign !== undefined) return this.#take({ kind: sign as Token['kind'], text: sign, at }, sign.length);
    if (rest[0] === '"') {
      const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(rest);
      if (quoted === null) throw this.#wrong('the quote is not closed', at);
      return this.#take({ kind: 'text', text: (quoted[1] ?? '').replace(/\\(.)/g, '$1'), at }, quoted[0].length);
    }
    const word = /^[^\s()=!"]+/.exec(rest)?.[0];
    if (word === undefined) throw this.#wrong(`'${rest[0]}' means nothing here`, at);
    return this.#take({ kind: 'word', text: word, at }, word.length);
  }

  #take(token: Token, length: number): Token {
    this.#position += length;
    return token;
  }

  #unexpected(wanted: string): Error {
    const { kind, text } = this.#token;
    return this.#wrong(`${kind === 'end' ? 'it ends' : `'${text}' stands`} where ${wanted} should be`);
  }

  #wrong(what: string, at: number = this.#token.at): Error {
    return usageError(`'${this.#source}': ${what} (character ${at + 1})`, FORMS);
  }
}

function fieldOf(text: string): Field | undefined {
  if (text === 'name' || text === 'status' || text === 'handler') return { kind: text };
  return text.startsWith('tag.') && text.length > 4 ? { kind: 'tag', tag: text.slice(4) } : undefined;
}
