import type { Timer } from '../../base/clock.js';
import { type Deferred, deferred } from '../../base/deferred.js';
import { NetworkError, toNetworkError } from '../../base/errors.js';
import type { HandlerContext } from '../../manager/handler.js';
import { visible } from '../../message/escape.js';
import type { ScriptParts } from './exec.js';
import { startFailure } from './executable.js';
import { LineSplitter } from './lines.js';
import type { Exit, ProcessGroup } from './process-group.js';
import { MAX_STARTS, RestartSchedule } from './restart.js';
import { StderrLog } from './stderr.js';
import { StreamCalls } from './stream-calls.js';
import { idOfHead, parseAnswer } from './stream-line.js';

/** Messages that a co-process has and has not answered. */
export const MAX_IN_FLIGHT = 1_000;
/** Of lines that wait for a co-process to read on. */
const MAX_QUEUED_BYTES: number = 8 * 1024 * 1024;
/** Of one line of its stdout. */
const MAX_LINE_BYTES: number = 1024 * 1024;
/** From the end of its stdin to TERM. */
const DEFAULT_STOP_GRACE_MS = 5_000;
/** Bad lines of one process that the log gets to see. */
const BAD_LINES_SHOWN = 10;
const SHOWN_CHARACTERS = 120;

type State =
  | { readonly name: 'running'; readonly group: ProcessGroup }
  | { readonly name: 'waiting'; readonly timer: Timer; readonly exhausted: boolean; readonly until: number }
  | { readonly name: 'stopped' };

/**
 * A process that stays and handles all messages of one type: a JSON line in for each, a JSON line out for each answer,
 * in any order. It is started at once, and again when it ends: then what it had been given fails with HANDLER_RETRY,
 * and what it had not been given yet waits for its successor.
 */
export class CoProcess {
  readonly #parts: ScriptParts;
  readonly #stopGraceMs: number;
  readonly #schedule = new RestartSchedule();
  readonly #calls: StreamCalls;
  readonly #ended: Deferred<void> = deferred();
  #state: State = { name: 'stopped' };
  #stopping = false;
  #flush: Timer | undefined;
  #blocked = false;
  #badLines = 0;
  #lastEnd = '';

  constructor(parts: ScriptParts, stopGraceMs: number = DEFAULT_STOP_GRACE_MS) {
    this.#parts = parts;
    this.#stopGraceMs = stopGraceMs;
    this.#calls = new StreamCalls(parts.counters, () => this.#writeSoon());
    this.#start();
  }

  /**
   * @throws NetworkError what the co-process says; HANDLER_RETRY if it ends first or keeps ending; OVERLOADED if it
   *   has 1,000 messages, or 8 MiB wait for it to read; the reason of the context's signal
   */
  async run(payload: unknown, context: HandlerContext): Promise<unknown> {
    const refusal = this.#refusal();
    if (refusal) throw refusal;
    if (context.signal.aborted) throw toNetworkError(context.signal.reason, 'CANCELLED');
    return this.#calls.add(payload, context);
  }

  /** Closes its stdin, lets it finish, sends TERM after 5 s and KILL after 10 more; resolves when it has ended. */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#shutDown();
    }
    await this.#ended.promise;
  }

  #shutDown(): void {
    this.#flush?.cancel();
    this.#calls.failUnwritten(this.#isStopping());
    const state = this.#state;
    if (state.name === 'waiting') state.timer.cancel();
    if (state.name !== 'running') {
      this.#state = { name: 'stopped' };
      this.#ended.resolve();
      return;
    }
    state.group.stdin?.end();
    const timer = this.#parts.clock.setTimer(this.#stopGraceMs, () => state.group.end());
    void this.#ended.promise.then(() => timer.cancel());
  }

  get #name(): string {
    return `the co-process of '${this.#parts.binding.type}'`;
  }

  #refusal(): NetworkError | undefined {
    const { counters } = this.#parts;
    if (this.#stopping) return this.#isStopping();
    if (this.#state.name === 'waiting' && this.#state.exhausted) {
      counters.refusedInCrashLoop += 1;
      return this.#crashLoop(this.#state.until);
    }
    const { size, queuedBytes } = this.#calls;
    if (size < MAX_IN_FLIGHT && queuedBytes < MAX_QUEUED_BYTES) return undefined;
    counters.refusedInFlight += 1;
    const limits = `the limits are ${MAX_IN_FLIGHT} and ${MAX_QUEUED_BYTES}`;
    return new NetworkError('OVERLOADED', `${this.#name} has ${size} messages, ${queuedBytes} bytes unread; ${limits}`);
  }

  #isStopping(): NetworkError {
    return new NetworkError('HANDLER_RETRY', `${this.#name} is being stopped`);
  }

  #crashLoop(until: number): NetworkError {
    const seconds = Math.max(1, Math.ceil((until - this.#parts.clock.now()) / 1000));
    const text = `${this.#name} was started ${MAX_STARTS} times within a minute and ended each time`;
    return new NetworkError('HANDLER_RETRY', `${text} (${this.#lastEnd}); it is started again in ${seconds} s`);
  }

  #start(): void {
    const { groups, binding, environment, log, counters, clock, node } = this.#parts;
    const stderr = new StderrLog(log, { node, type: binding.type });
    const lines = new LineSplitter(MAX_LINE_BYTES, (line, cut) => {
      if (cut) this.#onEndlessLine(group, line);
      else this.#onLine(line);
    });
    const group = groups.start({
      argv: binding.argv,
      env: environment,
      stdin: 'pipe',
      onStdout: (chunk) => lines.push(chunk),
      onStderr: (chunk) => stderr.push(chunk),
      onEnd: (exit) => {
        lines.end();
        stderr.end();
        counters.stderrLinesCut += stderr.cut;
        this.#onEnd(group, `${this.#describe(exit)}${stderr.tail}`);
      },
    });
    group.stdin?.on('drain', () => this.#onDrain(group));
    // One that cannot be told anything any more, or cannot say anything, is of no use: its successor takes over.
    group.stdin?.on('error', () => group.end());
    group.stdout?.on('end', () => group.end());
    this.#state = { name: 'running', group };
    this.#badLines = 0;
    this.#schedule.started(clock.now());
    this.#onDrain(group);
  }

  /** All that one turn brings leaves as one write. */
  #writeSoon(): void {
    this.#flush ??= this.#parts.clock.defer(() => {
      this.#flush = undefined;
      this.#write();
    });
  }

  #onDrain(group: ProcessGroup): void {
    if (this.#state.name !== 'running' || this.#state.group !== group) return;
    this.#blocked = false;
    this.#write();
  }

  #write(): void {
    if (this.#state.name !== 'running') return;
    const { stdin } = this.#state.group;
    while (stdin?.writable && !this.#blocked) {
      const text = this.#calls.take();
      if (text === '') return;
      this.#blocked = !stdin.write(text);
    }
  }

  #onLine(bytes: Buffer): void {
    const { counters, node, binding, log } = this.#parts;
    const text = bytes.toString('utf8');
    const answer = parseAnswer(text);
    if (typeof answer !== 'string') {
      if (!this.#calls.settle(answer)) counters.strayAnswers += 1;
      return;
    }
    counters.badLines += 1;
    this.#badLines += 1;
    if (this.#badLines > BAD_LINES_SHOWN) return;
    const last = this.#badLines === BAD_LINES_SHOWN ? '; further ones of this process are only counted' : '';
    const fields = { node, type: binding.type, line: visible(text, SHOWN_CHARACTERS) };
    log.warn(fields, `${this.#name} wrote a line that is no answer: ${answer}${last}`);
  }

  /** If it can be known whose answer it is, that message fails for good: tried again it would end the next process. */
  #onEndlessLine(group: ProcessGroup, head: Buffer): void {
    this.#parts.counters.linesTooLong += 1;
    const what = `wrote a line of more than ${MAX_LINE_BYTES} bytes, the limit, and was ended`;
    const id = idOfHead(head);
    if (id !== undefined)
      this.#calls.settle({ id, error: new NetworkError('HANDLER_FAILED', `${this.#name} ${what}`) });
    group.closeOutput();
    group.end();
    this.#onEnd(group, what);
  }

  #describe({ error, code, signal }: Exit): string {
    if (error) return startFailure(this.#parts.binding.argv[0] as string, error).message;
    return code === null ? `ended by ${signal ?? 'a signal'}` : `exit code ${code}`;
  }

  /** `group` handles nothing any more, though it may not be gone yet. */
  #onEnd(group: ProcessGroup, how: string): void {
    if (this.#state.name !== 'running' || this.#state.group !== group) return;
    this.#lastEnd = how;
    this.#calls.failWritten(new NetworkError('HANDLER_RETRY', `${this.#name} ended before it answered: ${how}`));
    if (this.#stopping) {
      this.#state = { name: 'stopped' };
      this.#ended.resolve();
    } else this.#restartLater();
  }

  #restartLater(): void {
    const { clock, log, node, binding, counters } = this.#parts;
    const { delayMs, exhausted } = this.#schedule.next(clock.now());
    const until = clock.now() + delayMs;
    const timer = clock.setTimer(delayMs, () => {
      counters.restarts += 1;
      this.#start();
    });
    this.#state = { name: 'waiting', timer, exhausted, until };
    const fields = { node, type: binding.type, restartInMs: Math.round(delayMs) };
    if (exhausted) {
      const error = this.#crashLoop(until);
      log.error(fields, error.message);
      this.#calls.failUnwritten(error);
    } else log.warn(fields, `${this.#name} ended (${this.#lastEnd}) and is started again`);
  }
}
