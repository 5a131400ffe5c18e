import { readdirSync, readFileSync } from 'node:fs';

/**
 * The process groups that have a member which is not a zombie. `kill(2)` also reaches zombies, and in a container whose
 * first process collects none they stay for ever, so asking it is not enough.
 * @returns undefined where there is no /proc to read
 */
export function livingGroups(): ReadonlySet<number> | undefined {
  if (process.platform !== 'linux') return undefined;
  const groups = new Set<number>();
  try {
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const group = groupOf(name);
      if (group !== undefined) groups.add(group);
    }
  } catch {
    return undefined;
  }
  return groups;
}

/** proc(5): `pid (name) state parent group …`, and a name may contain anything. */
function groupOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? undefined : Number(group);
  } catch {
    return undefined; // It ended meanwhile.
  }
}
