import { sleep } from '../../src/base/clock.js';
import { NetworkError } from '../../src/base/errors.js';
import { integer, type Random, uniform } from '../../src/base/random.js';
import { type Handler, type HandlerContext, handle } from '../../src/manager/handler.js';
import type { Answer, Cargo, Invariants } from './invariants.js';

/** One start of one node, as its handlers see it. */
export interface Site {
  readonly name: string;
  readonly random: Random;
  readonly invariants: Invariants;
  /** `stop` has resolved. */
  stopped: boolean;
  /** Handlers that run here now. */
  running: number;
}

/** What nodes are asked for. `news` is for events; the others are for requests. */
export const TASKS = ['echo', 'slow', 'stubborn', 'fails', 'narrow', 'strict'] as const;
export type Task = (typeof TASKS)[number];

/** The longest that a handler goes on, whatever it is told. */
export const LONGEST_TASK_MS = 3000;

/** All handlers of a node, by type; some answer, some are slow, some fail, some do not listen. */
export function makeHandlers(site: Site): Record<Task | 'news', Handler> {
  return {
    echo: handle('echo', {}, (_payload, context) => {
      const { n } = site.invariants.handles(site, context);
      return { n, node: site.name };
    }),
    slow: handle('slow', {}, (_payload, context) =>
      work(site, context, () => sleep(context.clock, uniform(site.random, 0, 2000), context.signal)),
    ),
    stubborn: handle('stubborn', { timeoutMs: 1500 }, (_payload, context) =>
      work(site, context, () => sleep(context.clock, uniform(site.random, 0, LONGEST_TASK_MS))),
    ),
    narrow: handle('narrow', { concurrency: 1, queue: 0 }, (_payload, context) =>
      work(site, context, () => sleep(context.clock, 800, context.signal)),
    ),
    strict: handle('strict', { input: numbered }, (_payload, context) => work(site, context, async () => {})),
    fails: handle('fails', {}, (_payload, context) => {
      site.invariants.handles(site, context);
      throw [new Error('as told'), new NetworkError('HANDLER_RETRY', 'later'), 'no error at all'][
        integer(site.random, 3)
      ];
    }),
    news: handle('news', {}, (_payload, context) => {
      const { n } = site.invariants.handles(site, context);
      const { from, to } = context.message;
      if (to === '*' && from === site.name) site.invariants.violated(`#${n}: ${from} heard its own broadcast`);
    }),
  };
}

async function work(site: Site, context: HandlerContext, labour: () => Promise<void>): Promise<Answer> {
  const { n } = site.invariants.handles(site, context);
  site.running += 1;
  try {
    await labour();
    return { n, node: site.name };
  } finally {
    site.running -= 1;
  }
}

/** A Standard Schema that takes its time, and refuses every seventh message. */
const numbered = {
  '~standard': {
    version: 1,
    vendor: 'sim',
    validate: async (value: unknown) => {
      const { n } = value as Cargo;
      return n % 7 === 0 ? { issues: [{ message: 'a number that seven does not divide is expected' }] } : { value };
    },
  },
} as const;
