import { dirname } from 'node:path';
import { deferred } from '../../base/deferred.js';
import type { NetworkError } from '../../base/errors.js';
import type { Handler } from '../../manager/handler.js';
import type { Collaborator } from '../../role/collaborator.js';
import { addressOf } from '../connect.js';
import type { Environment } from '../environment.js';
import { CommandError, configurationError, EXIT } from '../exit-codes.js';
import { type Lock, takeLock } from '../lock.js';
import type { RoleLog } from '../log.js';
import { nodeDirectory, nodeSocket, nodesDirectory } from '../paths.js';
import { makePrivateDirectory, requireSafeDirectory } from '../private-directory.js';
import type { ScriptBinding } from '../script/binding.js';
import { type ScriptHandlers, scriptHandlers } from '../script/script-handlers.js';
import { watchStopSignals } from '../stop-signals.js';
import type { Target } from '../target.js';
import { narrate } from './narrate.js';
import type { NodeNames } from './node-names.js';

/** What one `join` is to do, as its flags say. */
export interface JoinPlan {
  readonly target: Target;
  /** undefined: whichever cluster it finds. */
  readonly cluster: string | undefined;
  readonly state: string;
  readonly names: NodeNames;
  readonly tags: Readonly<Record<string, string>>;
  readonly slots: number;
  /** undefined: for ever. */
  readonly retryForMs: number | undefined;
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
  for (const name of plan.names.candidates) {
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
    const refusal = await takePart(environment, plan, { name, scripts, signal: stopping.signal });
    if (refusal === undefined) return 'done';
    if (refusal.code === 'NAME_IN_USE' && !plan.names.given) return 'name-in-use';
    throw explained(refusal, name);
  } finally {
    await scripts.stop();
    lock.release();
  }
}

/** Runs one collaborator until the signal. @returns why the leader refused it, if it did */
async function takePart(
  environment: Environment,
  plan: JoinPlan,
  parts: { readonly name: string; readonly scripts: ScriptHandlers; readonly signal: AbortSignal },
): Promise<NetworkError | undefined> {
  const collaborator = await prepare(environment, plan, parts);
  const refused = deferred<NetworkError>();
  using _narration = collaborator.on('leader', (event) => {
    narrate(plan.log, event);
    if (event.type === 'refused') refused.resolve(event.error);
  });
  const stopped = deferred();
  const onAbort = () => stopped.resolve();
  parts.signal.addEventListener('abort', onAbort, { once: true });
  try {
    await collaborator.start();
    if (parts.signal.aborted) return undefined;
    return (await Promise.race([refused.promise, stopped.promise])) ?? undefined;
  } finally {
    parts.signal.removeEventListener('abort', onAbort);
    await collaborator.stop({ graceMs: DRAIN_MS });
  }
}

async function prepare(
  environment: Environment,
  plan: JoinPlan,
  parts: { readonly name: string; readonly scripts: ScriptHandlers },
): Promise<Collaborator> {
  const { prepareCollaborator } = await import('../../compose.js');
  const socketPath = nodeSocket(environment, plan.state, parts.name);
  makePrivateDirectory(environment, dirname(socketPath));
  const { cluster, tags, slots, log, retryForMs } = plan;
  return prepareCollaborator({
    leader: addressOf(plan.target),
    name: parts.name,
    cluster,
    tags,
    slots,
    log,
    handlers: [...plan.handlers, ...parts.scripts.handlers],
    counters: () => scriptCounters(parts.scripts),
    socketPath,
    clock: environment.clock,
    random: environment.random,
    retry: retryForMs === undefined ? 'forever' : { forMs: retryForMs },
  });
}

const scriptCounters = (scripts: ScriptHandlers): Record<string, number> =>
  Object.fromEntries(Object.entries(scripts.counters).map(([name, count]) => [`script.${name}`, count]));

function explained(refusal: NetworkError, name: string): NetworkError {
  switch (refusal.code) {
    case 'NAME_IN_USE':
      return new CommandError(refusal.code, `the leader refuses the name '${name}': ${refusal.message}`, {
        exitCode: EXIT.configuration,
        cause: refusal,
        hint: 'Choose another with --name.',
      });
    case 'EVICTED':
      return new CommandError(refusal.code, `an operator has removed '${name}' from the cluster`, {
        exitCode: EXIT.notAllowed,
        cause: refusal,
        hint: 'Start it anew to join again.',
      });
    default:
      return refusal;
  }
}
