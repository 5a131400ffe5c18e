import type { NodeId } from '../base/names.js';
import type { MessageDefinition } from '../manager/handler.js';
import type { Priority } from '../message/message.js';
import type { Body, ProgressListener } from '../network/streams/body.js';

export type { InputOf, OutputOf } from '../manager/handler.js';

/** Any message definition or handler; what callers give instead of a bare type to have the types checked. */
export type AnyDefinition = MessageDefinition<string, unknown, unknown>;

export interface EmitOptions {
  readonly to?: NodeId | undefined;
  readonly priority?: Priority | undefined;
  /** Traffic class. */
  readonly component?: string | undefined;
}

export interface RequestOptions extends EmitOptions {
  /** How long to wait for the answer, in milliseconds. @default 5000 */
  readonly timeoutMs?: number | undefined;
  /** Aborting sends a cancel; the handler's own signal fires. */
  readonly signal?: AbortSignal | undefined;
  /** Bytes that go with it, however many: docs/streams.md. From then on `timeoutMs` counts from its last progress. */
  readonly body?: Body | undefined;
  /** Told how far the body is. */
  readonly onProgress?: ProgressListener | undefined;
}

/** What a call of `request` asks to be sent. */
interface Draft extends EmitOptions {
  readonly type: string;
  readonly payload: unknown;
  readonly body: Body | undefined;
}

/** One object shape for every request, as the engine likes it. */
export function draftOf(type: AnyDefinition | string, payload: unknown, options: RequestOptions): Draft {
  const { to, priority, component, body } = options;
  return { type: typeof type === 'string' ? type : type.type, to, payload, priority, component, body };
}
