import { dirname } from 'node:path';
import { NetworkError } from '../../base/errors.js';
import { DEFAULT_PORT } from '../../network/address.js';
import type { Leader } from '../../role/leader.js';
import {
  type Advertised,
  advertisedAddress,
  type BindAddress,
  listenHost,
  parseAdvertised,
  parseBind,
  requireLoopback,
} from '../address.js';
import type { Command, Invocation } from '../command.js';
import type { Environment } from '../environment.js';
import { asConfiguration, CommandError, configurationError, EXIT, usageError } from '../exit-codes.js';
import { type Flag, plainText, switchFlag, valueFlag } from '../flags.js';
import { clusterFlag, parseName, quietFlag } from '../global-flags.js';
import { type Welcome, welcomeLines } from '../lead/welcome.js';
import { type Lock, takeLock } from '../lock.js';
import { createRoleLog, type RoleLog } from '../log.js';
import { leaderDirectory, leaderSocket } from '../paths.js';
import { makePrivateDirectory, requireSafeDirectory } from '../private-directory.js';
import { announceReady, writeReadyFile } from '../ready.js';
import { watchStopSignals } from '../stop-signals.js';
import { lineWidth } from '../table.js';
import { invocationState } from '../target.js';

const bindFlag: Flag<BindAddress> = valueFlag({
  name: 'bind',
  placeholder: 'HOST:PORT',
  description: 'where to listen; port 0 picks a free one',
  setting: 'lead.bind',
  fallback: { host: '', port: DEFAULT_PORT },
  fallbackText: `all interfaces, port ${DEFAULT_PORT}`,
  parse: parseBind,
});
const advertiseFlag: Flag<Advertised | undefined> = valueFlag({
  name: 'advertise',
  placeholder: 'ADDR',
  description: 'the address that collaborators are told: host or host:port',
  fallbackText: "where it listens; on all interfaces the host's first address",
  setting: 'lead.advertise',
  parse: parseAdvertised,
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
  description: 'write address, fingerprint and pid there once it listens',
  parse: plainText,
});
const behindProxyFlag: Flag<boolean> = switchFlag({
  name: 'behind-proxy',
  description: 'every connection begins with a PROXY protocol v2 header, from a proxy that passes TLS through',
  setting: 'lead.behind-proxy',
});
const noCompressFlag: Flag<boolean> = switchFlag({
  name: 'no-compress',
  description: 'compress nothing with nodes on other hosts, even if they ask for it',
  setting: 'lead.no-compress',
});
const plaintextFlag: Flag<boolean> = switchFlag({
  name: 'plaintext',
  description: 'no TLS and no tokens, for benchmarks and debugging; loopback only',
});

const DRAIN_MS = 10_000;
/** Of the token that is shown on a terminal. */
const INVITATION = { uses: 100, ttlMs: 24 * 3_600_000 } as const;

export const leadCommand = (environment: Environment): Command => ({
  name: 'lead',
  summary: 'start a leader in the foreground',
  details: [
    'On a terminal it prints the line to paste on other hosts, with a new token for 24 hours. It speaks TLS with a',
    'certificate of its own, which the token vouches for. SIGINT and SIGTERM let what runs end and exit 0; a second one',
    'ends it at once.',
  ].join('\n'),
  flags: [bindFlag, advertiseFlag, nameFlag, readyFileFlag, behindProxyFlag, noCompressFlag, plaintextFlag],
  examples: [
    { command: 'netmgr lead', text: 'on all interfaces, port 7700' },
    { command: 'netmgr lead --bind 127.0.0.1:0 --ready-file ready.json', text: 'on this host only, for scripts' },
    { command: 'netmgr lead --advertise lead.example.net', text: 'when others know it by another name' },
    { command: 'netmgr lead --cluster lab --bind :7701', text: 'a second cluster on this host needs another port' },
  ],
  run: (invocation) => runLead(environment, invocation),
});

async function runLead(environment: Environment, invocation: Invocation): Promise<number> {
  const bind = bindOf(invocation);
  const state = invocationState(environment, invocation);
  const directory = leaderDirectory(state);
  const socketPath = leaderSocket(environment, state);
  makePrivateDirectory(environment, directory);
  requireSafeDirectory(environment, state);
  makePrivateDirectory(environment, dirname(socketPath));
  const lock = lockDirectory(environment, directory);
  const log = await createRoleLog(environment, invocation);
  using stopping = watchStopSignals(environment);
  const { signal } = stopping;
  try {
    const leader = await startLeader(environment, invocation, { bind, directory, socketPath, log, signal });
    try {
      await serve(environment, invocation, { leader, lock, socketPath, directory, signal });
    } finally {
      log.info({}, 'stopping');
      await leader.stop({ graceMs: DRAIN_MS });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    lock.release();
    if (log.dropped > 0) log.warn({ dropped: log.dropped }, 'log lines were dropped because stderr was not read');
    await log.close();
  }
  return EXIT.ok;
}

/** @throws CommandError (78) for plaintext on an address that others reach */
function bindOf(invocation: Invocation): BindAddress {
  const { value, source } = invocation.setting(bindFlag);
  if (!invocation.value(plaintextFlag)) return value;
  if (invocation.value(behindProxyFlag)) throw usageError('--behind-proxy and --plaintext exclude each other');
  const bind = source === 'default' ? { ...value, host: '127.0.0.1' } : value;
  requireLoopback(bind);
  return bind;
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
  readonly directory: string;
  readonly socketPath: string;
  readonly log: RoleLog;
  readonly signal: AbortSignal;
}

async function startLeader(environment: Environment, invocation: Invocation, parts: LeaderParts): Promise<Leader> {
  const { createLeader } = await import('../../compose/leader.js');
  const { bind, directory, log, signal, socketPath } = parts;
  const { clock, random, interfaces } = environment;
  const plaintext = invocation.value(plaintextFlag);
  // Once it serves, a signal asks for an orderly stop, and must not cut off its network.
  const starting = new AbortController();
  const onAbort = () => starting.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await createLeader({
      name: invocation.value(nameFlag),
      cluster: invocation.value(clusterFlag),
      listen: {
        host: listenHost(bind, interfaces),
        port: bind.port,
        proxyProtocol: invocation.value(behindProxyFlag),
        compression: !invocation.value(noCompressFlag),
      },
      stateDir: directory,
      plaintext,
      socketPath,
      advertise: plaintext ? undefined : advertisedAddress(bind, environment, invocation.value(advertiseFlag)),
      clock,
      random,
      log,
      signal: starting.signal,
    });
  } catch (error) {
    throw cannotStart(error, bind, socketPath);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function cannotStart(thrown: unknown, bind: BindAddress, socketPath: string): Error {
  const error = asConfiguration(thrown);
  if (!(error instanceof NetworkError) || error.code !== 'ADDRESS_IN_USE') return error;
  return new CommandError(error.code, error.message, {
    exitCode: EXIT.configuration,
    cause: error,
    hint: error.message.includes(socketPath)
      ? (error.hint ?? "Move it away, or name another place: '--state-dir DIR'.")
      : `Another program listens there; '--bind ${bind.host}:0' picks a free port.`,
  });
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
    fingerprint: leader.security?.fingerprint ?? null,
  };
  const invitation = await invite(environment, invocation, leader);
  if (file !== undefined) writeReadyFile(file, ready);
  announceReady(environment);
  const { cluster, address } = ready;
  const width = lineWidth(environment.stderr);
  const welcome = { leader: leader.name, cluster, address, invitation, width };
  for (const line of welcomeLines(welcome)) invocation.output.note(line);
  await untilAborted(signal);
}

/** A token for the screen: made only if there is one, and somebody who looks at it. */
async function invite(
  environment: Environment,
  invocation: Invocation,
  { security }: Leader,
): Promise<Welcome['invitation']> {
  if (security === undefined || environment.stderr.isTTY !== true || invocation.value(quietFlag)) return undefined;
  const { token } = await security.invites.create({ role: 'collaborator', automatic: true, ...INVITATION });
  return { token, ...INVITATION };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
