import { ANYONE, EVERYONE, type NodeId } from '../base/names.js';
import type { NodeStatus } from '../role/status.js';
import type { Invocation } from './command.js';
import { CommandError, EXIT, usageError } from './exit-codes.js';
import { type Flag, listFlag, plainText, switchFlag, valueFlag } from './flags.js';
import { isGlob, matchesGlob } from './glob.js';
import { nearest } from './nearest.js';
import { type Condition, matches, parseCondition } from './selector.js';

export const toFlag: Flag<readonly string[]> = listFlag({
  name: 'to',
  placeholder: 'NODE',
  separator: ',',
  description: 'these nodes: names or patterns, separated by commas',
  parse: plainText,
});

export const whereFlag: Flag<Condition | undefined> = valueFlag({
  name: 'where',
  placeholder: 'EXPR',
  description: "the nodes for which this holds, such as 'tag.gpu=1 and not name=db*'",
  parse: parseCondition,
});

export const allFlag: Flag<boolean> = switchFlag({ name: 'all', description: 'every collaborator' });

export const dryRunFlag: Flag<boolean> = switchFlag({ name: 'dry-run', description: 'only print who would be meant' });

/** Whom a call or an event is for. */
export type Selection =
  | { readonly kind: 'anyone' }
  | { readonly kind: 'one'; readonly node: NodeId }
  | { readonly kind: 'some'; readonly names: readonly string[] | undefined; readonly where: Condition | undefined };

/** @throws CommandError (2) if the flags contradict one another */
export function readSelection(invocation: Invocation): Selection {
  const names = invocation
    .value(toFlag)
    .flatMap((text) => text.split(','))
    .map((name) => name.trim());
  const where = invocation.value(whereFlag);
  const all = invocation.value(allFlag) || names.includes(EVERYONE);
  if (names.includes('')) throw usageError('--to has an empty name in it');
  if (invocation.value(allFlag) && (names.length > 0 || where !== undefined)) {
    throw usageError('--all goes with neither --to nor --where', "'--where' alone asks every node for which it holds.");
  }
  if (all || where !== undefined) return { kind: 'some', names: all || names.length === 0 ? undefined : names, where };
  const [first] = names;
  if (first === undefined || (names.length === 1 && first === ANYONE)) return { kind: 'anyone' };
  return names.length === 1 && !isGlob(first) ? { kind: 'one', node: first } : { kind: 'some', names, where };
}

/** Those who take part: connected, registered, not on their way out. */
const isPresent = (node: NodeStatus): boolean =>
  node.role === 'collaborator' && (node.status === 'alive' || node.status === 'suspect');

/**
 * The nodes that are meant. Patterns and conditions choose among those present; a node that was named is meant
 * even if it is lost, and then counts as silent.
 * @throws CommandError (4) if there is none
 */
export function selectNodes(
  selection: Selection & { kind: 'some' },
  nodes: readonly NodeStatus[],
): readonly NodeStatus[] {
  const { names, where } = selection;
  const chosen = nodes.filter((node) => {
    if (where !== undefined && !matches(where, node)) return false;
    if (names?.includes(node.node)) return true;
    if (!isPresent(node)) return false;
    return names === undefined || names.some((name) => isGlob(name) && matchesGlob(name, node.node));
  });
  const unknown = names?.find((name) => !isGlob(name) && !nodes.some((node) => node.node === name));
  if (unknown !== undefined) throw unknownNode(unknown, nodes);
  if (chosen.length === 0) throw noTarget(selection, nodes);
  return chosen;
}

export function unknownNode(name: string, nodes: readonly NodeStatus[]): CommandError {
  const near = nearest(
    name,
    nodes.map((node) => node.node),
  );
  const hint = near === undefined ? "'netmgr nodes ls' shows who is there." : `Did you mean '${near}'?`;
  return new CommandError('NO_TARGET', `there is no node '${name}'`, { exitCode: EXIT.noTarget, hint });
}

function noTarget(selection: Selection & { kind: 'some' }, nodes: readonly NodeStatus[]): CommandError {
  const present = nodes.filter(isPresent).length;
  const which =
    selection.names !== undefined || selection.where !== undefined ? 'no node matches' : 'no collaborator is there';
  return new CommandError('NO_TARGET', which, {
    exitCode: EXIT.noTarget,
    hint:
      present === 0
        ? "Nobody has joined: run 'netmgr join' on a worker."
        : `${present} are present; 'netmgr nodes ls' shows them.`,
  });
}

/** The least busy of those present that have the handler. @throws CommandError (4) if nobody has it */
export function leastBusy(type: string, nodes: readonly NodeStatus[]): NodeStatus {
  const able = nodes.filter((node) => isPresent(node) && node.handlers.includes(type));
  const load = (node: NodeStatus) => node.slots.busy / Math.max(1, node.slots.total);
  const best = able.reduce<NodeStatus | undefined>((least, node) => {
    return least === undefined || load(node) < load(least) ? node : least;
  }, undefined);
  if (best === undefined) throw nobodyHandles(type, nodes);
  return best;
}

export function nobodyHandles(type: string, nodes: readonly NodeStatus[]): CommandError {
  const handled = [...new Set(nodes.filter(isPresent).flatMap((node) => node.handlers))].sort();
  const near = nearest(type, handled);
  const known = handled.length === 0 ? 'Nobody here handles anything' : `There is ${handled.slice(0, 8).join(', ')}`;
  const hint = near === undefined ? `${known}; 'netmgr join --on ${type}=COMMAND' adds it.` : `Did you mean '${near}'?`;
  return new CommandError('NO_HANDLER', `no collaborator handles '${type}'`, { exitCode: EXIT.noTarget, hint });
}

/** Slots of those present that have the handler. */
export function slotsFor(type: string, nodes: readonly NodeStatus[]): number {
  let slots = 0;
  for (const node of nodes) if (isPresent(node) && node.handlers.includes(type)) slots += Math.max(1, node.slots.total);
  return slots;
}
