import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../../bin/netmgr.js', import.meta.url));
/** What no wait of a test may exceed: then it fails, and shows what the process has said. */
const PATIENCE_MS = 120_000;
/** Commands that run at the same time: each has a core for itself while it starts, and dials give up after 2 s. */
const AT_ONCE = 4;
/** A leader drains for 10 s at most. */
const TO_END_MS = 15_000;

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Written to stdin, which is then closed. @default an empty stdin; 'open' leaves it to the test */
  readonly input?: string | Uint8Array | 'open';
  /** Leave stdout or stderr to the test: nobody reads it until it does. */
  readonly unread?: 'stdout' | 'stderr';
  /** Another program in front, such as a shell; it gets the command line as its arguments. */
  readonly through?: readonly string[];
  readonly cwd?: string;
}

export interface Exit {
  /** null if a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Waiter {
  look(): boolean;
  fail(error: Error): void;
}

/** One process of the real executable, and everything that it has said. */
export class Program {
  readonly child: ChildProcess;
  readonly exit: Promise<Exit>;
  readonly #words: string;
  readonly #chunks: { readonly stdout: Buffer[]; readonly stderr: Buffer[] } = { stdout: [], stderr: [] };
  readonly #waiters = new Set<Waiter>();
  #ended = false;

  constructor(program: string, words: readonly string[], options: SpawnOptions, env: NodeJS.ProcessEnv) {
    this.#words = words.slice(1).join(' ').slice(0, 300);
    this.child = spawn(program, words, { env, cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdin, stdout, stderr } = this.child;
    assert.ok(stdin && stdout && stderr);
    for (const [name, stream] of [['stdout', stdout] as const, ['stderr', stderr] as const]) {
      if (options.unread !== name) stream.on('data', (chunk: Buffer) => this.#heard(name, chunk));
    }
    // A process that ends early, or never reads, is no fault of the test.
    stdin.on('error', () => {});
    if (options.input !== 'open') stdin.end(options.input ?? '');
    this.exit = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        this.#ended = true;
        for (const waiter of [...this.#waiters]) {
          if (!waiter.look()) waiter.fail(new Error(`'${this.#words}' ended (${code ?? signal})\n${this.#said()}`));
        }
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
    this.exit.catch(() => {});
  }

  get pid(): number {
    assert.ok(this.child.pid);
    return this.child.pid;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get stdout(): string {
    return Buffer.concat(this.#chunks.stdout).toString('utf8');
  }

  get stderr(): string {
    return Buffer.concat(this.#chunks.stderr).toString('utf8');
  }

  toString(): string {
    return `'${this.#words}'\n${this.#said()}`;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves once stderr (or stdout) matches; rejects if the process ends without it. */
  said(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stderr'): Promise<RegExpExecArray> {
    return this.until(`say ${pattern}`, () => pattern.exec(this[stream]) ?? undefined);
  }

  /** Resolves once `look`, asked after each thing that was said, gives a value. */
  until<T>(what: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        act();
      };
      const waiter: Waiter = {
        look: () => {
          const found = look();
          if (found !== undefined) settle(() => resolve(found));
          return found !== undefined;
        },
        fail: (error) => settle(() => reject(error)),
      };
      const late = () => waiter.fail(new Error(`'${this.#words}' did not ${what}\n${this.#said()}`));
      const timer = setTimeout(late, PATIENCE_MS);
      this.#waiters.add(waiter);
      if (!waiter.look() && this.#ended) waiter.fail(new Error(`'${this.#words}' has ended\n${this.#said()}`));
    });
  }

  #heard(name: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#chunks[name].push(chunk);
    for (const waiter of [...this.#waiters]) waiter.look();
  }

  #said(): string {
    return `stdout: ${this.stdout.slice(-2000)}\nstderr: ${this.stderr.slice(-2000)}`;
  }
}

export interface Ready {
  readonly address: string;
  readonly pid: number;
  readonly node: string;
  readonly cluster: string;
  readonly socket: string;
  readonly fingerprint: string | null;
}

export interface LeaderProcess {
  readonly program: Program;
  readonly ready: Ready;
}

let running = 0;
/** Whoever is let run takes the place of the one before. */
const waiting: (() => void)[] = [];

/** A place of its own for a test: state and settings of nobody else, and every process that was started there. */
export class Sandbox implements AsyncDisposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'netmgr-process-'));
  readonly state: string = join(this.directory, 'state');
  readonly #programs: Program[] = [];

  /** Whole, not on top of this process's own: nothing of the machine's user reaches the test. */
  environment(extra: SpawnOptions['env'] = {}): NodeJS.ProcessEnv {
    return {
      PATH: process.env['PATH'],
      // Handlers see it too: by it everything that was started here is found again.
      HOME: this.directory,
      NETMGR_STATE_DIR: this.state,
      NETMGR_CONFIG_DIR: join(this.directory, 'config'),
      ...extra,
    };
  }

  start(words: readonly string[], options: SpawnOptions = {}): Program {
    const [program = process.execPath, ...front] = options.through ?? [];
    const line = options.through === undefined ? [BIN, ...words] : [...front, process.execPath, BIN, ...words];
    const started = new Program(program, line, options, this.environment(options.env));
    this.#programs.push(started);
    return started;
  }

  /** Runs a command to its end, as soon as not too many others run. */
  async run(words: readonly string[], options: SpawnOptions = {}): Promise<Exit> {
    if (running === AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      const program = this.start(words, options);
      const late = setTimeout(() => program.kill('SIGKILL'), PATIENCE_MS);
      const exit = await program.exit;
      clearTimeout(late);
      return exit;
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  }

  /** A leader that listens, on a free port unless `--bind` is among the words. */
  async lead(words: readonly string[] = [], options: SpawnOptions = {}): Promise<LeaderProcess> {
    const file = this.path(`ready-${this.#programs.length}.json`);
    const bind = words.includes('--bind') ? [] : ['--bind', '127.0.0.1:0'];
    const program = this.start(['lead', ...bind, '--ready-file', file, ...words], options);
    await program.said(/join it with/);
    return { program, ready: JSON.parse(readFileSync(file, 'utf8')) as Ready };
  }

  /** A collaborator that has joined. */
  async join(name: string, words: readonly string[] = [], options: SpawnOptions = {}): Promise<Program> {
    const program = this.start(['join', '--name', name, ...words], options);
    await program.said(/"msg":"joined"/);
    return program;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  file(name: string, text: string): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  /** Ends what still runs, then fails if anything outlived its parent. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) {
      if (!program.ended) program.kill('SIGCONT');
      if (!program.ended) program.kill('SIGTERM');
    }
    const stuck = (await Promise.all(this.#programs.map((program) => endedInTime(program)))).filter(
      (said) => said !== '',
    );
    const left = processesOf(this.directory);
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
    assert.deepEqual(stuck, [], 'processes that did not end when they were told to');
    assert.deepEqual(left, [], 'processes that outlived the test');
  }
}

/** What it has said, if it had to be killed. */
async function endedInTime(program: Program): Promise<string> {
  let stuck = '';
  const late = setTimeout(() => {
    stuck = `${program}`;
    program.kill('SIGKILL');
  }, TO_END_MS);
  await program.exit.catch(() => {});
  clearTimeout(late);
  return stuck;
}

/** Living processes whose HOME is this directory. */
export function processesOf(home: string): { readonly pid: number; readonly command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`HOME=${home}`)) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      // What has ended and is not yet waited for has no command line.
      if (command !== '') found.push({ pid, command });
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
    }
  }
  return found;
}

/** Each line of a stream as the JSON value that it must be. */
export const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Fails if a terminal could be moved by this text: line ends only are allowed. */
export function assertTame(text: string): void {
  const hostile = /[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/u.exec(text);
  assert.equal(hostile, null, `a raw control character: ${JSON.stringify(text.slice(0, 500))}`);
}
