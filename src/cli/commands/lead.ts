import { dirname } from 'node:path';
import { NetworkError } from '../../base/errors.js';
import type { Leader } from '../../role/leader.js';
import type { BindAddress } from '../address.js';
import { parseBind, requireLoopback } from '../address.js';
import type { Command, Invocation } from '../command.js';
import type { Environment } from '../environment.js';
import { CommandError, configurationError, EXIT } from '../exit-codes.js';
import { type Flag, plainText, valueFlag } from '../flags.js';
import { clusterFlag, parseName, quietFlag } from '../global-flags.js';
import { type Lock, takeLock } from '../lock.js';
import { createRoleLog, type RoleLog } from '../log.js';
import { leaderDirectory, leaderSocket } from '../paths.js';
import { makePrivateDirectory, requireSafeDirectory } from '../private-directory.js';
import { announceReady, writeReadyFile } from '../ready.js';
import { watchStopSignals } from '../stop-signals.js';
import { invocationState } from '../target.js';

const bindFlag: Flag<BindAddress> = valueFlag({
  name: 'bind',
  placeholder: 'HOST:PORT',
  description: 'where to listen; port 0 picks a free one',
  setting: 'lead.bind',
  fallback: { host: '127.0.0.1', port: 7700 },
  fallbackText: '127.0.0.1:7700',
  parse: parseBind,
});
const advertiseFlag: Flag<string | undefined> = valueFlag({
  name: 'advertise',
  placeholder: 'ADDR',
  description: 'the address that collaborators are told',
  fallbackText: 'where it listens',
  setting: 'lead.advertise',
  parse: plainText,
});
const nameFlag: Flag<string> = valueFlag({
  name: 'name',
  placeholder: 'NAME',
  description: "the leader's own name",
  setting: 'lead.name',
  fallback: 'leader',
  parse: (text) => parseName(text, 'node'),
});
const readyFileFlag: Flag<string | undefined> = valueFlag({
  name: 'ready-file',
  placeholder: 'FILE',
  description: 'write address and pid there once it listens',
  parse: plainText,
});

const DRAIN_MS = 10_000;

export const leadCommand = (environment: Environment): Command => ({
  name: 'lead',
  summary: 'start a leader in the foreground',
  details: [
    'It prints the join command on stderr. SIGINT and SIGTERM let what runs end and exit 0; a second one ends it at',
    'once. This version has no TLS and no tokens yet: it listens on loopback addresses only.',
  ].join('\n'),
  flags: [bindFlag, advertiseFlag, nameFlag, readyFileFlag],
  examples: [
    { command: 'netmgr lead', text: 'on 127.0.0.1:7700' },
    { command: 'netmgr lead --bind 127.0.0.1:0 --ready-file ready.json', text: 'on a free port, for scripts' },
    { command: 'netmgr lead --cluster lab', text: 'a second cluster on this host needs another port' },
  ],
  run: (invocation) => runLead(environment, invocation),
});

async function runLead(environment: Environment, invocation: Invocation): Promise<number> {
  const bind = invocation.value(bindFlag);
  requireLoopback(bind);
  const state = invocationState(environment, invocation);
  const directory = leaderDirectory(state);
  const socketPath = leaderSocket(environment, state);
  makePrivateDirectory(environment, directory);
  requireSafeDirectory(environment, state);
  makePrivateDirectory(environment, dirname(socketPath));
  const lock = lockDirectory(environment, directory);
  const log = await createRoleLog(environment, invocation);
  using stopping = watchStopSignals(environment);
  try {
    const leader = await startLeader(environment, invocation, { bind, socketPath, log, signal: stopping.signal });
    try {
      await serve(environment, invocation, { leader, lock, socketPath, directory, signal: stopping.signal });
    } finally {
      log.info({}, 'stopping');
      await leader.stop({ graceMs: DRAIN_MS });
    }
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  } finally {
    lock.release();
    if (log.dropped > 0) log.warn({ dropped: log.dropped }, 'log lines were dropped because stderr was not read');
    await log.close();
  }
  return EXIT.ok;
}

function lockDirectory(environment: Environment, directory: string): Lock {
  const outcome = takeLock(directory, environment.pid);
  if ('lock' in outcome) return outcome.lock;
  throw configurationError(
    `another leader uses ${directory} already: process ${outcome.owner.pid}`,
    "'netmgr status' shows it; '--state-dir DIR' or '--cluster NAME' starts one of its own.",
  );
}

interface LeaderParts {
  readonly bind: BindAddress;
  readonly socketPath: string;
  readonly log: RoleLog;
  readonly signal: AbortSignal;
}

async function startLeader(environment: Environment, invocation: Invocation, parts: LeaderParts): Promise<Leader> {
  const { createLeader } = await import('../../compose.js');
  const { bind, log, signal, socketPath } = parts;
  // Once it serves, a signal asks for an orderly stop, and must not cut off its network.
  const starting = new AbortController();
  const onAbort = () => starting.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await createLeader({
      name: invocation.value(nameFlag),
      cluster: invocation.value(clusterFlag),
      listen: bind,
      socketPath,
      advertise: invocation.value(advertiseFlag),
      clock: environment.clock,
      random: environment.random,
      log,
      signal: starting.signal,
    });
  } catch (error) {
    if (!(error instanceof NetworkError) || error.code !== 'ADDRESS_IN_USE') throw error;
    throw new CommandError(error.code, error.message, {
      exitCode: EXIT.configuration,
      cause: error,
      hint: error.message.includes(socketPath)
        ? (error.hint ?? "Move it away, or name another place: '--state-dir DIR'.")
        : `Another program listens there; '--bind ${bind.host}:0' picks a free port.`,
    });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

interface Serving {
  readonly leader: Leader;
  readonly lock: Lock;
  readonly socketPath: string;
  readonly directory: string;
  readonly signal: AbortSignal;
}

async function serve(environment: Environment, invocation: Invocation, serving: Serving): Promise<void> {
  const { leader, lock, signal } = serving;
  if (!lock.held()) {
    throw configurationError(`another leader took ${serving.directory} at the same moment`, 'Start one of them again.');
  }
  const file = invocation.value(readyFileFlag);
  const ready = {
    address: leader.address,
    pid: environment.pid,
    node: leader.name,
    cluster: invocation.value(clusterFlag),
    socket: serving.socketPath,
  };
  if (file !== undefined) writeReadyFile(file, ready);
  announceReady(environment);
  if (!invocation.value(quietFlag)) {
    invocation.output.note(`leader '${leader.name}' of cluster '${ready.cluster}' listens on ${leader.address}`);
    invocation.output.note(`join it with:  netmgr join ${leader.address}`);
    invocation.output.note('(loopback only: this version has neither TLS nor tokens yet)');
  }
  await untilAborted(signal);
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
