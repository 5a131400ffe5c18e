import { SystemClock, sleep } from '../../base/clock.js';
import { asBroken, demand } from './assertions.js';
import type { Demand } from './demand.js';
import { DEMANDS } from './demands.js';
import { heldBeyond, heldResources } from './leftovers.js';
import { Stage } from './stage.js';
import type { Subject } from './subject.js';

/** One thing that the contract demands of every transport. */
export interface Check {
  /** What is demanded. Unique; of a check that is left out it says why. */
  readonly name: string;
  /** Why it cannot be made on this transport, as its subject says; undefined if it can. */
  readonly leftOut: string | undefined;
  /**
   * Makes it, on a ground of its own. Not at the same time as another one in one process: it looks for what is left open.
   * Does nothing if it is left out.
   * @throws AssertionError saying what is demanded, and what was seen
   */
  run(): Promise<void>;
}

export interface ConformanceOptions {
  /**
   * `bare`: the transport itself, and requests through an `Endpoint`. `wrapped`: all of it through a `ReliableNetwork` that
   * tries nothing again. @default both
   */
  readonly through?: 'bare' | 'wrapped' | undefined;
}

/** How long closed sockets may take to disappear. */
const SETTLE_MS = 1000;
const POLL_MS = 2;

/**
 * Everything that the contract `Network` demands, as checks of one transport. They need no test framework.
 *
 * @example
 * for (const check of conformance(subject)) test(check.name, () => check.run());
 */
export function conformance(subject: Subject, options: ConformanceOptions = {}): readonly Check[] {
  const layers = options.through === undefined ? (['bare', 'wrapped'] as const) : [options.through];
  return layers.flatMap((layer) =>
    DEMANDS.filter(({ shape }) => shape === undefined || shape === subject.shape).map((demanded) =>
      checkOf(subject, demanded, layer === 'wrapped'),
    ),
  );
}

function checkOf(subject: Subject, demanded: Demand, wrapped: boolean): Check {
  const lacking = demanded.needs?.find((ability) => subject.lacks?.[ability] !== undefined);
  const leftOut = lacking && `${lacking}: ${subject.lacks?.[lacking]}`;
  const name = `${demanded.name}${wrapped ? ', wrapped' : ''}${leftOut ? ` (left out, ${leftOut})` : ''}`;
  const run = async (): Promise<void> => {
    if (leftOut === undefined) await perform(subject, demanded, wrapped);
  };
  return { name, leftOut, run };
}

async function perform(subject: Subject, demanded: Demand, wrapped: boolean): Promise<void> {
  const before = heldResources();
  const layers = { requests: demanded.about === 'requests', wrapped };
  const stage = await Stage.open(subject, { layers, seed: `${subject.name}/${demanded.name}` });
  try {
    await demanded.run(stage);
  } catch (error) {
    // What went wrong first says most.
    await stage.close().catch(() => {});
    throw asBroken(error, demanded.name);
  }
  await stage.close();
  await demandNothingHeld(before);
}

/** Sockets that were closed are gone a little later. */
async function demandNothingHeld(before: ReadonlyMap<string, number>): Promise<void> {
  const clock = new SystemClock();
  const deadline = clock.now() + SETTLE_MS;
  let left = heldBeyond(before);
  while (left.length > 0 && clock.now() < deadline) {
    await sleep(clock, POLL_MS);
    left = heldBeyond(before);
  }
  demand(left.length === 0, 'no socket, timer or listener is left when all nodes are stopped', left.join(', '));
}
