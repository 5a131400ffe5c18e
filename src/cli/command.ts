import type { Environment } from './environment.js';
import type { Flag } from './flags.js';
import type { Output } from './output.js';
import type { Setting, SettingsSnapshot } from './settings.js';
import type { Style } from './style.js';

export interface Example {
  readonly command: string;
  readonly text: string;
}

export interface Argument {
  readonly name: string;
  readonly description: string;
  readonly required?: boolean;
  readonly variadic?: boolean;
}

/** One command: what it is called, what it takes, and what it does. Made by a factory that is given its environment. */
export interface Command {
  readonly name: string;
  /** One line, lower case, no full stop. */
  readonly summary: string;
  /** Paragraphs under the usage line. */
  readonly details?: string;
  readonly arguments?: readonly Argument[];
  readonly flags?: readonly Flag<unknown>[];
  readonly examples: readonly Example[];
  /** It runs even if the settings cannot be read, and tells so itself. @default false */
  readonly survivesBadSettings?: boolean;
  readonly commands?: readonly Command[];
  /** @returns the exit code; a thrown error is reported and gives its own */
  readonly run?: (invocation: Invocation) => Promise<number>;
}

/** One call of a command. */
export interface Invocation {
  readonly operands: readonly string[];
  readonly output: Output;
  /** How stdout is coloured; plain unless it is a terminal. */
  readonly style: Style;
  readonly config: SettingsSnapshot;
  /** Aborted when nobody reads stdout any more. */
  readonly signal: AbortSignal;
  /** Every command, loaded: for those that speak about the others. */
  commands(): Promise<readonly Command[]>;
  /** The value of a flag of this command, or of a global one. */
  value<T>(flag: Flag<T>): T;
  setting<T>(flag: Flag<T>): Setting<T>;
}

export type CommandFactory = (environment: Environment) => Command;
