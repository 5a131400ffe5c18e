// Some libraries import it, and that opens stdin: done here, before a test file counts what is open.
import 'node:process';
import { PassThrough, Readable } from 'node:stream';
import { SystemClock } from '../../src/base/clock.js';
import { seededRandom } from '../../src/base/random.js';
import type { Environment, StopSignal, Terminal } from '../../src/cli/environment.js';
import { runProgram } from '../../src/cli/program.js';

export interface FakeOptions {
  readonly variables?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly stdinKind?: Environment['stdinKind'];
  /** Columns of stdout; it is a terminal then. */
  readonly columns?: number;
  readonly home?: string;
  /** Beside 127.0.0.1. */
  readonly interfaces?: Environment['interfaces'];
  readonly openFiles?: number;
  /** stdin is a keyboard that types this. */
  readonly typed?: string;
  readonly uid?: number;
}

export interface Fake {
  readonly environment: Environment;
  stdout(): string;
  stderr(): string;
  /** As if the user had pressed Ctrl-C. */
  send(signal: StopSignal): void;
  readonly forced: StopSignal[];
}

export function fakeEnvironment(options: FakeOptions = {}): Fake {
  const out = terminal(options.columns);
  const err = terminal(undefined);
  const listeners = new Set<(signal: StopSignal) => void>();
  const forced: StopSignal[] = [];
  const input = options.typed ?? options.input;
  const environment: Environment = {
    variables: options.variables ?? {},
    stdin: Readable.from(input === undefined ? [] : [Buffer.from(input)]),
    stdinKind: options.stdinKind ?? (options.typed === undefined ? 'other' : 'terminal'),
    stdout: out.stream,
    stderr: err.stream,
    clock: new SystemClock(),
    random: seededRandom('cli'),
    signals: {
      on: (listener) => {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
      force: (signal) => void forced.push(signal),
    },
    platform: 'linux',
    home: options.home ?? '/nonexistent',
    temporary: '/tmp',
    hostName: 'Some_Host.example',
    interfaces: [{ address: '127.0.0.1', family: 'IPv4', internal: true }, ...(options.interfaces ?? [])],
    nodeVersion: '22.1.0',
    openFiles: options.openFiles ?? 65_536,
    uid: options.uid ?? 1000,
    pid: 4711,
    cores: 4,
  };
  return {
    environment,
    stdout: out.text,
    stderr: err.text,
    send: (signal) => {
      for (const listener of [...listeners]) listener(signal);
    },
    forced,
  };
}

function terminal(columns: number | undefined): { readonly stream: Terminal; readonly text: () => string } {
  const stream: PassThrough & { isTTY?: boolean; columns?: number } = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (columns !== undefined) {
    stream.isTTY = true;
    stream.columns = columns;
  }
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process. */
export async function run(words: readonly string[], options: FakeOptions = {}): Promise<Ran> {
  const fake = fakeEnvironment(options);
  const exitCode = await runProgram(words, { environment: fake.environment, version: '1.2.3' });
  return { exitCode, stdout: fake.stdout(), stderr: fake.stderr() };
}
