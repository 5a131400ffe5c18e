import type { Fault, ScheduledFault } from '../network/memory/fault.js';

/** A fault is not made shorter than this, in milliseconds. */
const SHORTEST_MS = 10;

/** Simpler forms of a fault, the simplest first: fewer things wrong with a link, a shorter time. */
function simplerForms(scheduled: ScheduledFault): ScheduledFault[] {
  const forms = simplerFaults(scheduled.fault).map((fault): ScheduledFault => ({ ...scheduled, fault }));
  const { forMs } = scheduled;
  if (forMs !== undefined && forMs / 2 >= SHORTEST_MS) forms.push({ ...scheduled, forMs: Math.round(forMs / 2) });
  return forms;
}

function simplerFaults(fault: Fault): Fault[] {
  if (fault.kind !== 'faults') return [];
  const entries = Object.entries(fault.faults).filter(([, value]) => value !== undefined);
  if (entries.length < 2) return [];
  return entries.map((_, left) => ({
    ...fault,
    faults: Object.fromEntries(entries.filter((__, index) => index !== left)),
  }));
}

/**
 * Simplifies one fault after the other as long as all of them together still fail.
 * @param fails whether this schedule still fails
 * @param maxRuns how often it may be asked
 */
export async function simplify(
  schedule: readonly ScheduledFault[],
  fails: (schedule: readonly ScheduledFault[]) => Promise<boolean>,
  maxRuns: number,
): Promise<{ readonly schedule: readonly ScheduledFault[]; readonly runs: number }> {
  let left = schedule;
  let runs = 0;
  for (let index = 0; index < left.length; index += 1) {
    let forms = simplerForms(left[index] as ScheduledFault);
    while (forms.length > 0 && runs < maxRuns) {
      const simpler = left.with(index, forms.shift() as ScheduledFault);
      runs += 1;
      if (!(await fails(simpler))) continue;
      left = simpler;
      forms = simplerForms(left[index] as ScheduledFault);
    }
  }
  return { schedule: left, runs };
}
