import { visible } from '../../message/escape.js';

/** Counters of what goes well: only --json shows them. */
const ORDINARY: ReadonlySet<string> = new Set([
  'handled',
  'requests',
  'events',
  'script.runs',
  'script.succeeded',
  'enrolments',
  'sessions',
  'operations',
]);

/** What was refused, dropped or lost, by reason; empty if nothing was. */
export function countersText(counters: Readonly<Record<string, number>>): string {
  return Object.entries(counters)
    .filter(([name, count]) => count > 0 && !ORDINARY.has(name))
    .map(([name, count]) => `${visible(name)} ${count}`)
    .join(', ');
}
