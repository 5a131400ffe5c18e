import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { SystemClock } from '../../../src/base/clock.js';
import { type ErrorCode, isNetworkError } from '../../../src/base/errors.js';
import type { Log } from '../../../src/base/log.js';
import type { ScriptBinding } from '../../../src/cli/script/binding.js';
import { type ScriptHandlers, type ScriptOptions, scriptHandlers } from '../../../src/cli/script/script-handlers.js';
import type { Handler, HandlerContext } from '../../../src/manager/handler.js';
import type { NetworkMessage } from '../../../src/message/message.js';
import { assertNothingLeft } from '../../leaks.js';

export interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A log that a test can read, and wait on. */
export class Recorder implements Log {
  readonly lines: LogLine[] = [];
  readonly #waiting: { readonly found: (line: LogLine) => boolean; readonly resolve: (line: LogLine) => void }[] = [];

  debug = (fields: object, message: string): void => this.#add('debug', fields, message);
  info = (fields: object, message: string): void => this.#add('info', fields, message);
  warn = (fields: object, message: string): void => this.#add('warn', fields, message);
  error = (fields: object, message: string): void => this.#add('error', fields, message);

  /** The first line whose message matches, past or future. */
  line(pattern: RegExp): Promise<LogLine> {
    const found = (line: LogLine): boolean => pattern.test(line.message);
    const present = this.lines.find(found);
    if (present) return Promise.resolve(present);
    return new Promise((resolve) => this.#waiting.push({ found, resolve }));
  }

  #add(level: string, fields: object, message: string): void {
    const line = { level, fields: fields as Record<string, unknown>, message };
    this.lines.push(line);
    for (const waiter of this.#waiting) if (waiter.found(line)) waiter.resolve(line);
  }
}

export interface MessageOptions {
  readonly id?: string;
  readonly kind?: NetworkMessage['kind'];
  readonly from?: string;
  readonly signal?: AbortSignal;
  readonly remainingMs?: number;
  readonly attempt?: number;
}

/** Handlers of one test file, with everything that must be gone when the file ends. */
export class Scripts {
  readonly clock: SystemClock = new SystemClock();
  readonly log: Recorder = new Recorder();
  /** A directory that is removed after the file. */
  readonly directory: string = mkdtempSync(join(tmpdir(), 'netmgr-test-'));
  readonly #open: ScriptHandlers[] = [];
  #ids = 0;

  constructor() {
    // Hooks run in the order in which they were made: first stop everything, then look what is left.
    after(async () => {
      await this.stopAll();
      rmSync(this.directory, { recursive: true });
    });
    assertNothingLeft(this.clock);
  }

  handlers(
    bindings: readonly (Partial<ScriptBinding> & { argv: readonly string[] })[],
    options?: Partial<ScriptOptions>,
  ): ScriptHandlers {
    const full = bindings.map((binding) => ({
      type: 'test',
      stream: false,
      payload: 'stdin' as const,
      env: [],
      ...binding,
    }));
    const opened = scriptHandlers(full, {
      node: 'w1',
      tags: {},
      log: this.log,
      clock: this.clock,
      concurrency: 2,
      environment: process.env,
      ...options,
    });
    this.#open.push(opened);
    return opened;
  }

  /** A handler that runs `sh -c script`. */
  sh(script: string, options?: Partial<ScriptOptions>): ScriptHandlers {
    return this.handlers([{ argv: ['sh', '-c', script] }], options);
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#open.map((scripts) => scripts.stop()));
  }

  call(scripts: ScriptHandlers, payload?: unknown, options?: MessageOptions): Promise<unknown> {
    const handler = scripts.handlers[0] as Handler;
    return Promise.resolve(handler.run(payload, this.context(handler.type, options)));
  }

  context(type: string, options: MessageOptions = {}): HandlerContext {
    this.#ids += 1;
    const { id = `test-${this.#ids}`, kind = 'request', from = 'op1', signal = new AbortController().signal } = options;
    return {
      message: { v: 1, id, kind, type, from, ts: 0 },
      signal,
      log: this.log,
      clock: this.clock,
      node: 'w1',
      attempt: options.attempt ?? 1,
      remainingMs: options.remainingMs,
      body: undefined,
    };
  }
}

/** Fails unless it rejects with this code and a message that matches. */
export async function rejectsWith(promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isNetworkError(error), String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

/** Neither running nor a zombie that we forgot to collect; one that its new parent has not collected yet is dead too. */
export function isAlive(pid: number): boolean {
  assert.ok(Number.isSafeInteger(pid) && pid > 1, `${pid} is not a process id`);
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !/^State:\s+[ZX]/m.test(statusOf(pid));
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

/** Ours and not collected: what a parent that forgets its children leaves. */
export function children(): string[] {
  const path = `/proc/${process.pid}/task/${process.pid}/children`;
  try {
    return readFileSync(path, 'utf8').trim().split(' ').filter(Boolean);
  } catch {
    return [];
  }
}

/** Looks every few milliseconds until it is so; the runner's own limit ends a wait in vain. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}
