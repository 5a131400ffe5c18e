import { write } from 'node:fs';
import type { Log } from '../base/log.js';
import { visible } from '../message/escape.js';
import { redactTokens } from '../security/invites/join-token.js';
import type { Invocation } from './command.js';
import type { Environment } from './environment.js';
import { logLevelFlag, quietFlag } from './global-flags.js';
import { LogSink } from './log-sink.js';
import { jsonText } from './output.js';
import { colourLevel } from './style.js';

const STDERR = 2;

export interface RoleLog extends Log {
  /** Lines dropped because stderr is not read. */
  readonly dropped: number;
  /** Writes what waits, for at most a second, and lets go of stderr. */
  close(): Promise<void>;
}

/**
 * The log of a long-running role: asynchronous and bounded, so that a stalled stderr stalls nothing else.
 * Pretty on a terminal, JSON otherwise.
 */
export async function createRoleLog(environment: Environment, invocation: Invocation): Promise<RoleLog> {
  const { pino } = await import('pino');
  const sink = new LogSink(environment.clock, (bytes, done) => write(STDERR, bytes, done));
  const terminal = environment.stderr.isTTY === true;
  const render = terminal ? await prettyLines(environment) : plainLines;
  const level = invocation.value(quietFlag) ? 'error' : invocation.value(logLevelFlag);
  const logger = pino(
    { level, base: null, formatters: { level: (label) => ({ level: label }) } },
    { write: (line: string) => sink.write(redactTokens(render(line))) },
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    get dropped() {
      return sink.dropped;
    },
    close: () => sink.close(),
  };
}

/** pino escapes the ASCII controls only; the rest that could move a terminal is escaped here. */
const plainLines = (line: string): string => `${jsonText(JSON.parse(line))}\n`;

async function prettyLines(environment: Environment): Promise<(line: string) => string> {
  const { default: pretty } = await import('pino-pretty');
  const format = pretty.prettyFactory({
    colorize: colourLevel(environment.stderr, environment.variables) > 0,
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
  });
  return (line) => format(visibleIn(JSON.parse(line)));
}

/** The same value with every text in it made visible. */
function visibleIn(value: unknown): unknown {
  if (typeof value === 'string') return visible(value);
  if (Array.isArray(value)) return value.map(visibleIn);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [visible(key), visibleIn(item)]));
}
