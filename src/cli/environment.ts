import type { Readable } from 'node:stream';
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { InterfaceAddress } from './address.js';

/** Everything that a command may know of the machine: given, so that a test can give something else. */
export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  /** How the standard input is connected. */
  readonly stdinKind: 'terminal' | 'pipe' | 'file' | 'other';
  readonly clock: Clock;
  readonly random: Random;
  readonly signals: SignalSource;
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly temporary: string;
  readonly hostName: string;
  /** Of all network interfaces. */
  readonly interfaces: readonly InterfaceAddress[];
  /** The version of Node that runs this. */
  readonly nodeVersion: string;
  /** How many files and sockets this process may have open at once; undefined where that cannot be told. */
  readonly openFiles: number | undefined;
  /** undefined where there are no user ids. */
  readonly uid: number | undefined;
  readonly pid: number;
  /** Cores that this process may use. */
  readonly cores: number;
}

/** A writable stream that may be a terminal. */
export interface Terminal extends NodeJS.WritableStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

export type StopSignal = 'SIGINT' | 'SIGTERM';

export interface SignalSource {
  /** While the disposable lives, the signals do not end the process by themselves. */
  on(listener: (signal: StopSignal) => void): Disposable;
  /** Ends the process now, with 130 or 143; only for the second signal. */
  force(signal: StopSignal): void;
}
