import { chance, integer, pick, type Random, uniform } from '../../src/base/random.js';
import type { RequestOptions } from '../../src/role/request.js';
import { type Harness, LEADER, OPERATOR, type Process } from './harness.js';
import type { Ask, Cargo } from './invariants.js';
import { TASKS } from './workshop.js';

type Send = (type: string, cargo: Cargo, options: RequestOptions) => Promise<unknown>;

/** Who can ask at this moment, and how. */
interface Asker {
  readonly name: string;
  readonly process: Process<unknown>;
  readonly send: Send;
}

/** Sends one thing: a request that is followed to its end, or an event. */
export function sendSomething(harness: Harness, random: Random): void {
  const asker = pick(random, askers(harness));
  if (!asker) return;
  if (chance(random, 0.2)) emitSomething(harness, random);
  else if (chance(random, 0.05)) askEverybody(harness, random);
  else askSomething(harness, random, asker);
}

function askSomething(harness: Harness, random: Random, asker: Asker): void {
  const to = chance(random, 0.5) ? '?' : (pick(random, [...harness.seats.map(({ name }) => name), LEADER]) ?? '?');
  const timeoutMs = pick(random, [50, 500, 2000, 5000]) ?? 500;
  const cancelAfterMs = chance(random, 0.15) ? Math.floor(uniform(random, 0, timeoutMs)) : undefined;
  const type = pick(random, TASKS) ?? 'echo';
  const ask: Ask = { from: asker.name, type, to, timeoutMs, cancelAfterMs };
  const controller = new AbortController();
  if (cancelAfterMs !== undefined) harness.clock.setTimer(cancelAfterMs, () => controller.abort('enough waited'));
  const signal = cancelAfterMs === undefined ? undefined : controller.signal;
  harness.invariants.follow(asker.process, ask, (cargo) => asker.send(type, cargo, { to, timeoutMs, signal }));
}

/** One request to each; as many answers as nodes, each once, whatever becomes of them. */
function askEverybody({ operator, seats, invariants }: Harness, random: Random): void {
  if (!operator) return;
  const nodes = seats.map(({ name }) => name);
  const timeoutMs = pick(random, [200, 1000]) ?? 200;
  const ask: Ask = { from: OPERATOR, type: 'news', to: '*', timeoutMs, cancelAfterMs: undefined };
  invariants.follow(operator, ask, async (cargo) => {
    const silent = new Set(nodes);
    for await (const { node } of operator.role.callEach('news', cargo, { nodes, timeoutMs })) {
      if (!silent.delete(node)) invariants.violated(`#${cargo.n}: ${node} answered callEach twice`);
    }
    if (silent.size > 0) invariants.violated(`#${cargo.n}: callEach ended without ${[...silent].join(', ')}`);
    return { n: cargo.n, node: '*' };
  });
}

function askers({ leader, operator, seats }: Harness): readonly Asker[] {
  const all: Asker[] = [];
  if (leader) {
    all.push({
      name: LEADER,
      process: leader,
      send: (type, cargo, options) => leader.role.request(type, cargo, options),
    });
  }
  if (operator) {
    const send: Send = async (type, cargo, options) => (await operator.role.call(type, cargo, options)).payload;
    // Twice: it is the one that people see.
    all.push({ name: OPERATOR, process: operator, send }, { name: OPERATOR, process: operator, send });
  }
  for (const { name, worker } of seats.slice(0, 2)) {
    if (!worker) continue;
    all.push({ name, process: worker, send: (type, cargo, options) => worker.role.request(type, cargo, options) });
  }
  return all;
}

function emitSomething({ leader, seats, invariants }: Harness, random: Random): void {
  const n = invariants.nextNumber();
  const target = pick(random, seats)?.name ?? '?';
  const worker = pick(random, seats)?.worker;
  switch (integer(random, 4)) {
    case 0:
      leader?.role.broadcast('news', { n, target: '*' });
      return;
    case 1:
      leader?.role.emit('news', { n, target }, { to: target });
      return;
    case 2:
      worker?.role.broadcast('news', { n, target: '*' });
      return;
    default:
      worker?.role.emit('news', { n, target }, { to: target });
  }
}
