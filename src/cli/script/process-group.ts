import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock, Timer } from '../../base/clock.js';
import { type Deferred, deferred } from '../../base/deferred.js';
import type { Log } from '../../base/log.js';

/** From KILL to not waiting any longer: a process stuck in the kernel. */
const GIVE_UP_AFTER_MS = 2_000;
const FIRST_LOOK_MS = 5;
const LAST_SHORT_LOOK_MS = 160;
const LONGEST_LOOK_MS = 200;

/** How a process ended, or why it never began. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The system refused to start it. */
  readonly error: NodeJS.ErrnoException | undefined;
  /** Others of the group still held its output open and were cut off. */
  readonly cutOff: boolean;
}

export interface StartOptions {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: 'pipe' | 'ignore';
  readonly onStdout: (chunk: Buffer) => void;
  readonly onStderr: (chunk: Buffer) => void;
  /** Once: the leader has ended and its output is complete, or was cut off. Never called inside `start`. */
  readonly onEnd: (exit: Exit) => void;
}

export interface GroupParts {
  readonly clock: Clock;
  readonly log: Log;
  /** How long after its leader a group may still hold our end of stdout and stderr open. */
  readonly lingerMs: number;
  /** From TERM to KILL. */
  readonly killAfterMs: number;
}

export interface GroupEvents {
  ending(): void;
  gone(wasEnding: boolean): void;
  /** Whether any process of a group that began at `since` is more than a zombie; costs a look at all processes. */
  isInhabited(group: number, since: number): boolean;
}

/** One program with everything that it starts. */
export class ProcessGroup {
  readonly #child: ChildProcess | undefined;
  readonly #options: StartOptions;
  readonly #parts: GroupParts;
  readonly #events: GroupEvents;
  readonly #gone: Deferred<void> = deferred();
  readonly #startedAt: number;
  #error: NodeJS.ErrnoException | undefined;
  #leaderEnded = false;
  #ended = false;
  #empty = false;
  #linger: Timer | undefined;
  #look: Timer | undefined;
  #killAt: number | undefined;
  #killed = false;

  constructor(options: StartOptions, parts: GroupParts, events: GroupEvents) {
    this.#options = options;
    this.#parts = parts;
    this.#events = events;
    this.#startedAt = parts.clock.now();
    const [program = '', ...args] = options.argv;
    try {
      this.#child = spawn(program, args, {
        env: options.env,
        stdio: [options.stdin, 'pipe', 'pipe'],
        detached: process.platform !== 'win32',
        windowsHide: true,
      });
      this.#listen(this.#child);
    } catch (error) {
      this.#error = error as NodeJS.ErrnoException;
      queueMicrotask(() => this.#finish(null, null, false));
    }
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get stdin(): ChildProcess['stdin'] {
    return this.#child?.stdin ?? null;
  }

  get stdout(): ChildProcess['stdout'] {
    return this.#child?.stdout ?? null;
  }

  /** No process of the group is left, and `onEnd` was called. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** TERM to the whole group now, KILL later to what is still there. Idempotent. */
  end(): void {
    if (this.#empty || this.#killAt !== undefined) return;
    this.#killAt = this.#parts.clock.now() + this.#parts.killAfterMs;
    this.#events.ending();
    this.#signal('SIGTERM');
    this.#watch(FIRST_LOOK_MS);
  }

  /** KILL to the whole group now. */
  kill(): void {
    this.end();
    this.#killAt = this.#parts.clock.now();
    this.#killed = true;
    this.#signal('SIGKILL');
  }

  /** Stops reading its output; what it still writes fails on its side. */
  closeOutput(): void {
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
  }

  /** Reaches every member, zombies included; false if there is none. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    if (this.pid === undefined || this.#empty) return false;
    try {
      return process.kill(process.platform === 'win32' ? this.pid : -this.pid, signal);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  }

  /** It is known to have no members any more: its number is not ours to signal from here on. */
  markEmpty(): void {
    if (this.#empty) return;
    this.#empty = true;
    this.#look?.cancel();
    if (this.#ended) this.#leave();
  }

  #leave(): void {
    this.#events.gone(this.#killAt !== undefined);
    this.#gone.resolve();
  }

  #listen(child: ChildProcess): void {
    const ignore = () => {};
    // A child that does not read its stdin, or ends before it did, is free to do so.
    child.stdin?.on('error', ignore);
    child.stdout?.on('data', this.#options.onStdout).on('error', ignore);
    child.stderr?.on('data', this.#options.onStderr).on('error', ignore);
    child.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error;
      // Out of file descriptors there are no pipes either, and no 'close' will come.
      if (child.pid === undefined) this.#finish(null, null, false);
    });
    child.on('exit', (code, signal) => this.#onExit(code, signal));
    child.on('close', (code, signal) => this.#finish(code, signal, false));
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#leaderEnded = true;
    if (!this.#signal(0)) this.markEmpty();
    if (this.#ended) return;
    this.#linger = this.#parts.clock.setTimer(this.#parts.lingerMs, () => {
      this.closeOutput();
      this.#finish(code, signal, true);
    });
  }

  #finish(code: number | null, signal: NodeJS.Signals | null, cutOff: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#linger?.cancel();
    this.#child?.stdin?.destroy();
    this.#options.onEnd({ code, signal, error: this.#error, cutOff });
    if (this.pid === undefined) this.#empty = true;
    if (this.#empty) this.#leave();
    // What a handler leaves running in the background ends with it.
    else this.end();
  }

  #watch(lookMs: number): void {
    const { clock, killAfterMs, log } = this.#parts;
    const leftMs = (this.#killAt ?? 0) - clock.now();
    // Zombies are looked for when it has taken a while, and when it matters.
    const closely = leftMs <= 0 || lookMs === LAST_SHORT_LOOK_MS;
    if (this.#leaderEnded && !this.#hasMembers(closely)) {
      this.markEmpty();
      return;
    }
    if (leftMs <= 0 && !this.#killed) {
      this.#killed = true;
      log.warn({ pid: this.pid }, `a script ignored TERM for ${killAfterMs} ms and is killed`);
      this.#signal('SIGKILL');
    }
    if (leftMs <= -GIVE_UP_AFTER_MS) {
      this.#giveUp();
      return;
    }
    const waitMs = this.#killed ? lookMs : Math.min(lookMs, leftMs);
    this.#look = clock.setTimer(waitMs, () => this.#watch(Math.min(2 * lookMs, LONGEST_LOOK_MS)));
  }

  #hasMembers(closely: boolean): boolean {
    return (
      this.#signal(0) && !(closely && this.pid !== undefined && !this.#events.isInhabited(this.pid, this.#startedAt))
    );
  }

  #giveUp(): void {
    const text = 'a process group did not end when it was killed; it is not waited for any longer';
    this.#parts.log.warn({ pid: this.pid }, text);
    this.#child?.unref();
    this.closeOutput();
    this.markEmpty();
    this.#finish(null, 'SIGKILL', true);
  }
}
