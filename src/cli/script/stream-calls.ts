import { type NetworkError, toNetworkError } from '../../base/errors.js';
import type { HandlerContext } from '../../manager/handler.js';
import type { ScriptCounters } from './counters.js';
import { cancelLine, messageLine, type StreamAnswer } from './stream-line.js';

/** What is written at once. */
const WRITE_CHARACTERS: number = 64 * 1024;

interface Call {
  readonly id: string;
  readonly resolve: (payload: unknown) => void;
  readonly reject: (error: NetworkError) => void;
  readonly signal: AbortSignal;
  readonly onAbort: () => void;
  /** Handed to the process, which may have acted on it. */
  written: boolean;
}

interface Line {
  readonly text: string;
  readonly bytes: number;
  /** The message that it carries; a line without one is a cancel. */
  readonly call: Call | undefined;
}

/** The messages of a co-process that are not settled: those that wait to be written, and those that it has. */
export class StreamCalls {
  readonly #counters: ScriptCounters;
  /** Called when there is something to write. */
  readonly #onQueued: () => void;
  readonly #calls = new Map<string, Call>();
  #queue: Line[] = [];
  #queuedBytes = 0;
  #collisions = 0;

  constructor(counters: ScriptCounters, onQueued: () => void) {
    this.#counters = counters;
    this.#onQueued = onQueued;
  }

  /** Not settled, written or not. */
  get size(): number {
    return this.#calls.size;
  }

  /** Of lines that are not written yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Settles with the answer, with what `fail` says, or at once with the reason of the context's signal. */
  add(payload: unknown, { message, signal }: HandlerContext): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#unique(message.id);
      const text = messageLine(id, message.type, payload);
      const call: Call = { id, resolve, reject, signal, onAbort: () => this.#cancel(call), written: false };
      this.#calls.set(id, call);
      signal.addEventListener('abort', call.onAbort, { once: true });
      this.#enqueue(text, call);
    });
  }

  /** The next lines to write, about 64 KiB of them; '' if there are none. They count as written from here on. */
  take(): string {
    let text = '';
    let taken = 0;
    for (; taken < this.#queue.length && text.length < WRITE_CHARACTERS; taken += 1) {
      const { bytes, call, text: line } = this.#queue[taken] as Line;
      this.#queuedBytes -= bytes;
      // Whoever gave up before it was written is not even mentioned.
      if (call && this.#calls.get(call.id) !== call) continue;
      if (call) call.written = true;
      text += line;
    }
    this.#queue.splice(0, taken);
    return text;
  }

  /** @returns false if nothing of that id is in flight */
  settle(answer: StreamAnswer): boolean {
    const call = this.#calls.get(answer.id);
    // An answer to what was not written yet can only be a guess.
    if (!call?.written) return false;
    this.#forget(call);
    if ('error' in answer) {
      this.#counters.failed += 1;
      call.reject(answer.error);
    } else {
      this.#counters.succeeded += 1;
      call.resolve(answer.payload);
    }
    return true;
  }

  /** Fails those that the process was given, and drops what else was meant for this process alone. */
  failWritten(error: NetworkError): void {
    this.#fail((call) => call.written, error);
    this.#keepLines((line) => line.call !== undefined);
  }

  /** Fails those that the process was not given. */
  failUnwritten(error: NetworkError): void {
    this.#fail((call) => !call.written, error);
    this.#keepLines(() => false);
  }

  #fail(which: (call: Call) => boolean, error: NetworkError): void {
    for (const call of [...this.#calls.values()]) {
      if (!which(call)) continue;
      this.#counters.failed += 1;
      this.#forget(call);
      call.reject(error);
    }
  }

  #cancel(call: Call): void {
    this.#counters.aborted += 1;
    this.#forget(call);
    if (call.written) this.#enqueue(cancelLine(call.id), undefined);
    call.reject(toNetworkError(call.signal.reason, 'CANCELLED'));
  }

  #forget(call: Call): void {
    this.#calls.delete(call.id);
    call.signal.removeEventListener('abort', call.onAbort);
  }

  #enqueue(text: string, call: Call | undefined): void {
    const bytes = Buffer.byteLength(text);
    this.#queue.push({ text, bytes, call });
    this.#queuedBytes += bytes;
    this.#onQueued();
  }

  #keepLines(which: (line: Line) => boolean): void {
    this.#queue = this.#queue.filter(which);
    this.#queuedBytes = this.#queue.reduce((sum, line) => sum + line.bytes, 0);
  }

  /** Two senders, or two deliveries of one event, may share an id. */
  #unique(id: string): string {
    if (!this.#calls.has(id)) return id;
    this.#collisions += 1;
    return `${id}~${this.#collisions}`;
  }
}
