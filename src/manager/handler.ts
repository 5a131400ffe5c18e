import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Clock } from '../base/clock.js';
import { NetworkError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { type NodeId, RESERVED_PREFIX, TYPE_NAME } from '../base/names.js';
import type { NetworkMessage } from '../message/message.js';
import type { ByteStream } from '../network/streams/byte-stream.js';

/** A message type with the types of its payload and answer; the schemas are optional. */
export interface MessageDefinition<Type extends string = string, Input = unknown, Output = unknown> {
  readonly type: Type;
  readonly input?: StandardSchemaV1 | undefined;
  readonly output?: StandardSchemaV1 | undefined;
  /** For the type checker only; never there at run time. */
  readonly types?: { readonly input: Input; readonly output: Output };
}

export type InputOf<D> = D extends { readonly types?: { readonly input: infer Input } } ? Input : unknown;
export type OutputOf<D> = D extends { readonly types?: { readonly output: infer Output } } ? Output : unknown;

/** What a handler is told beside the payload. */
export interface HandlerContext {
  readonly message: NetworkMessage;
  /** Fires when the caller gave up, the deadline passed, or this node is being stopped. */
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly clock: Clock;
  /** The node that runs the handler. */
  readonly node: NodeId;
  /** 1 for the first try. */
  readonly attempt: number;
  /** How long the caller will still wait, in milliseconds from now; undefined if it did not say. */
  readonly remainingMs: number | undefined;
  /** The byte stream that came with the message, if one did. */
  readonly body: ByteStream | undefined;
}

export interface HandlerOptions {
  /** Checks (and may transform) the payload; any Standard Schema library. A mismatch is answered INVALID_PAYLOAD. */
  readonly input?: StandardSchemaV1 | undefined;
  /** Checks the answer before it is sent. */
  readonly output?: StandardSchemaV1 | undefined;
  /** How many run at once on this node. @default 100 */
  readonly concurrency?: number | undefined;
  /** How many more may wait; beyond that the answer is OVERLOADED. @default 10000 */
  readonly queue?: number | undefined;
  /** The longest that one run may take; then its signal fires and the answer is TIMEOUT. @default the caller's deadline */
  readonly timeoutMs?: number | undefined;
}

/** A message type with what a node does about it. Made by `handle`. */
export interface Handler<Type extends string = string, Input = unknown, Output = unknown>
  extends MessageDefinition<Type, Input, Output> {
  readonly options: HandlerOptions;
  readonly run: (payload: unknown, context: HandlerContext) => unknown;
}

export const DEFAULT_CONCURRENCY = 100;
export const DEFAULT_QUEUE = 10_000;

export type SchemaInput<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferInput<S> : unknown;
export type SchemaOutput<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<S> : unknown;

/**
 * Names a message type and its schemas, for callers and handlers that live in different programs.
 * @throws NetworkError INVALID_OPTION if the type is no legal name or reserved
 */
export function defineMessage<
  const Type extends string,
  In extends StandardSchemaV1 | undefined = undefined,
  Out extends StandardSchemaV1 | undefined = undefined,
>(
  type: Type,
  schemas: { readonly input?: In; readonly output?: Out } = {},
): MessageDefinition<Type, SchemaInput<In>, SchemaOutput<Out>> {
  checkType(type);
  return { type, input: schemas.input, output: schemas.output };
}

/**
 * A typed handler: the payload has passed `options.input`, the caller sees what `run` returns.
 *
 * @example
 * const resize = handle('resize', { input: z.object({ width: z.number() }) }, async ({ width }, { signal }) => …);
 * @throws NetworkError INVALID_OPTION naming the option that is wrong
 */
export function handle<const Type extends string, Output, In extends StandardSchemaV1 | undefined = undefined>(
  type: Type,
  options: HandlerOptions & { readonly input?: In },
  run: (payload: SchemaOutput<In>, context: HandlerContext) => Output,
): Handler<Type, SchemaInput<In>, Awaited<Output>> {
  checkType(type);
  checkCount('concurrency', options.concurrency, 1);
  checkCount('queue', options.queue, 0);
  checkCount('timeoutMs', options.timeoutMs, 1);
  return {
    type,
    input: options.input,
    output: options.output,
    options,
    // The dispatcher calls it only with what the schema let through.
    run: run as (payload: unknown, context: HandlerContext) => unknown,
  };
}

/** `handle` as a method of a node: it offers the handler, or replaces the one of the same type, and returns it. */
export interface HandleMethod {
  <H extends Handler>(handler: H): H;
  /** @throws NetworkError INVALID_OPTION naming the option that is wrong */
  <const Type extends string, Output, In extends StandardSchemaV1 | undefined = undefined>(
    type: Type,
    options: HandlerOptions & { readonly input?: In },
    run: (payload: SchemaOutput<In>, context: HandlerContext) => Output,
  ): Handler<Type, SchemaInput<In>, Awaited<Output>>;
}

export function handleMethod(register: (handler: Handler) => void): HandleMethod {
  const offer = (
    first: Handler | string,
    options: HandlerOptions = {},
    run: (payload: unknown, context: HandlerContext) => unknown = () => undefined,
  ): Handler => {
    const handler = typeof first === 'string' ? handle(first, options, run as (payload: unknown) => unknown) : first;
    register(handler);
    return handler;
  };
  return offer as HandleMethod;
}

function checkType(type: string): void {
  if (typeof type !== 'string' || !TYPE_NAME.test(type)) {
    throw new NetworkError('INVALID_OPTION', `type: ${JSON.stringify(type)} is not a message type`, {
      hint: 'a letter, then up to 127 letters, digits and . _ : -',
    });
  }
  if (type.startsWith(RESERVED_PREFIX)) {
    throw new NetworkError('INVALID_OPTION', `type: names that begin with '${RESERVED_PREFIX}' are netmgr's own`);
  }
}

function checkCount(field: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
  throw new NetworkError('INVALID_OPTION', `${field}: ${value} is not a whole number of at least ${least}`);
}
