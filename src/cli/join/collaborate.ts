import { dirname } from 'node:path';
import { deferred } from '../../base/deferred.js';
import type { NetworkError } from '../../base/errors.js';
import type { Handler } from '../../manager/handler.js';
import type { Collaborator } from '../../role/collaborator.js';
import type { TakenToken } from '../credentials/token-intake.js';
import type { Environment } from '../environment.js';
import { asConfiguration, CommandError, configurationError, EXIT } from '../exit-codes.js';
import { type Lock, takeLock } from '../lock.js';
import type { RoleLog } from '../log.js';
import { leaderSocket, nodeDirectory, nodeSocket, nodesDirectory } from '../paths.js';
import { makePrivateDirectory, requireSafeDirectory } from '../private-directory.js';
import type { ScriptBinding } from '../script/binding.js';
import { type ScriptHandlers, scriptHandlers } from '../script/script-handlers.js';
import { watchStopSignals } from '../stop-signals.js';
import type { Target } from '../target.js';
import { narrate } from './narrate.js';
import type { NodeNames } from './node-names.js';
import { findWay, hasMoved, isEnrolled, type Way } from './way.js';

/** What one `join` is to do, as its flags say. */
export interface JoinPlan {
  readonly target: Target;
  /** undefined: none was given. */
  readonly token: TakenToken | undefined;
  /** undefined: whichever cluster it finds. */
  readonly cluster: string | undefined;
  readonly state: string;
  readonly names: NodeNames;
  readonly tags: Readonly<Record<string, string>>;
  readonly slots: number;
  /** undefined: for ever. */
  readonly retryForMs: number | undefined;
  readonly compression: boolean;
  readonly bindings: readonly ScriptBinding[];
  readonly handlers: readonly Handler[];
  readonly log: RoleLog;
}

/** What runs may take so long to finish after the first signal. */
const DRAIN_MS = 30_000;

/**
 * Takes part until a signal comes, under the first of its names that is free.
 * @throws CommandError (78) if the name is in use, (69) if --retry-for ran out; NetworkError why it was refused
 */
export async function collaborate(environment: Environment, plan: JoinPlan): Promise<void> {
  for (const name of inOrder(plan)) {
    const directory = nodeDirectory(plan.state, name);
    makePrivateDirectory(environment, directory);
    requireSafeDirectory(environment, plan.state);
    requireSafeDirectory(environment, nodesDirectory(plan.state));
    const outcome = takeLock(directory, environment.pid);
    if ('owner' in outcome) {
      if (!plan.names.given) continue;
      throw configurationError(
        `the name '${name}' is in use on this host by process ${outcome.owner.pid}`,
        'Choose another with --name, or leave --name out.',
      );
    }
    const ended = await underName(environment, plan, { name, lock: outcome.lock });
    if (ended === 'done') return;
    plan.log.info({ name }, 'the name is in use in this cluster; trying the next');
  }
  throw configurationError('no name is free', 'Choose one with --name.');
}

/** Names under which this node can come back come first, unless a token says that it is to be enrolled now. */
function inOrder({ names, token, state }: JoinPlan): readonly string[] {
  const all = [...names.candidates];
  if (names.given || token !== undefined) return all;
  const known = new Set(all.filter((name) => isEnrolled(nodeDirectory(state, name))));
  return [...known, ...all.filter((name) => !known.has(name))];
}

/** @returns 'name-in-use' if there is another name to try */
async function underName(
  environment: Environment,
  plan: JoinPlan,
  taken: { readonly name: string; readonly lock: Lock },
): Promise<'done' | 'name-in-use'> {
  const { name, lock } = taken;
  const { tags, log } = plan;
  const scripts = scriptHandlers(plan.bindings, {
    node: name,
    tags,
    log,
    clock: environment.clock,
    concurrency: plan.slots,
    environment: environment.variables,
  });
  using stopping = watchStopSignals(environment, {
    first: (signal) => log.info({ signal }, 'no new work is taken; what runs is finished'),
    second: () => scripts.kill(),
  });
  try {
    const refusal = await untilRefused(environment, plan, { name, scripts, signal: stopping.signal });
    if (refusal === undefined) return 'done';
    if (refusal.code === 'NAME_IN_USE' && !plan.names.given) return 'name-in-use';
    throw explained(refusal, name);
  } finally {
    await scripts.stop();
    lock.release();
  }
}

/** Takes part, again after each time that this host's own leader has moved. @returns undefined if a signal came */
async function untilRefused(
  environment: Environment,
  plan: JoinPlan,
  part: Pick<Part, 'name' | 'scripts' | 'signal'>,
): Promise<NetworkError | undefined> {
  for (let again = false; ; again = true) {
    const way = await wayOf(environment, plan, part);
    if (way === undefined) return undefined;
    const end = await takePart(environment, plan, { ...part, way, again });
    if (end !== 'moved') return end;
  }
}

/** @returns undefined if a signal came first */
async function wayOf(
  environment: Environment,
  plan: JoinPlan,
  { name, signal }: { readonly name: string; readonly signal: AbortSignal },
): Promise<Way | undefined> {
  try {
    return await findWay(environment, {
      target: plan.target,
      ownSocket: leaderSocket(environment, plan.state),
      token: plan.token,
      directory: nodeDirectory(plan.state, name),
      retryForMs: plan.retryForMs,
      signal,
      tell: (event) => narrate(plan.log, event),
    });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

interface Part {
  readonly name: string;
  readonly scripts: ScriptHandlers;
  readonly way: Way;
  /** It had joined before. */
  readonly again: boolean;
  readonly signal: AbortSignal;
}

/** Runs one collaborator until the signal. @returns why the leader refused it, or that it has moved, if so */
async function takePart(
  environment: Environment,
  plan: JoinPlan,
  parts: Part,
): Promise<NetworkError | 'moved' | undefined> {
  // The flags were right: what is wrong now is a file in the state directory.
  const collaborator = await prepare(environment, plan, parts).catch((error: unknown) => {
    throw asConfiguration(error);
  });
  const ended = deferred<NetworkError | 'moved' | undefined>();
  const { target } = plan;
  using _narration = collaborator.on('leader', (event) => {
    narrate(plan.log, event.type === 'joined' ? { ...event, again: event.again || parts.again } : event);
    if (event.type === 'refused') ended.resolve(event.error);
    if (event.type !== 'unreachable') return;
    void hasMoved(environment, parts.way, { target, signal: parts.signal }).then((moved) => {
      if (moved && !collaborator.connected) ended.resolve('moved');
    });
  });
  const onAbort = () => ended.resolve(undefined);
  let moved = false;
  parts.signal.addEventListener('abort', onAbort, { once: true });
  try {
    await collaborator.start();
    if (parts.signal.aborted) return undefined;
    const end = await ended.promise;
    moved = end === 'moved';
    return end;
  } finally {
    parts.signal.removeEventListener('abort', onAbort);
    // Nobody waits for the answers to a leader that is no more.
    await collaborator.stop({ graceMs: moved ? 0 : DRAIN_MS });
  }
}

async function prepare(environment: Environment, plan: JoinPlan, { name, scripts, way }: Part): Promise<Collaborator> {
  const { prepareCollaborator } = await import('../../compose/collaborator.js');
  const socketPath = nodeSocket(environment, plan.state, name);
  makePrivateDirectory(environment, dirname(socketPath));
  const { cluster, tags, slots, log, retryForMs, compression } = plan;
  return prepareCollaborator({
    leader: way.address,
    token: way.token,
    plaintext: way.plaintext,
    stateDir: nodeDirectory(plan.state, name),
    name,
    cluster,
    tags,
    slots,
    log,
    handlers: [...plan.handlers, ...scripts.handlers],
    counters: () => scriptCounters(scripts),
    socketPath,
    clock: environment.clock,
    random: environment.random,
    compression,
    retry: retryForMs === undefined ? 'forever' : { forMs: retryForMs },
  });
}

const scriptCounters = (scripts: ScriptHandlers): Record<string, number> =>
  Object.fromEntries(Object.entries(scripts.counters).map(([name, count]) => [`script.${name}`, count]));

const NEW_TOKEN =
  "On the leader's host 'netmgr invite create' makes a new token, and 'netmgr invite ls --all' shows what became of this one.";

function explained(refusal: NetworkError, name: string): NetworkError {
  switch (refusal.code) {
    case 'NAME_IN_USE':
      return new CommandError(refusal.code, `the leader refuses the name '${name}': ${refusal.message}`, {
        exitCode: EXIT.configuration,
        cause: refusal,
        hint: `Choose another with --name. If '${name}' is to be this node: 'netmgr nodes forget ${name}' on the leader's host frees the name.`,
      });
    case 'EVICTED':
      return new CommandError(refusal.code, `an operator has removed '${name}' from the cluster`, {
        exitCode: EXIT.notAllowed,
        cause: refusal,
        hint: `To let it in again: 'netmgr nodes forget ${name}' on the leader's host, then join with a new token.`,
      });
    case 'NOT_ALLOWED':
      return new CommandError(refusal.code, refusal.message, {
        exitCode: EXIT.notAllowed,
        cause: refusal,
        hint: refusal.hint ?? NEW_TOKEN,
      });
    default:
      return asConfiguration(refusal);
  }
}
