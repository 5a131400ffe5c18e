import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNetworkError } from '../../src/base/errors.js';
import { systemRandom } from '../../src/base/random.js';
import { Stamp } from '../../src/message/stamp.js';
import type { ScheduledFault } from '../../src/network/memory/fault.js';
import { explore, replay } from '../../src/testing/explore.js';
import { readRun } from '../../src/testing/saved-run.js';
import { runScenario, type Scenario, Violation, type World } from '../../src/testing/scenario.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

/** b counts to twenty, aloud; a must hear every number once, in order. It will not, if messages are lost. */
async function count(world: World): Promise<void> {
  const { hub, clock, random } = world;
  const [a, b] = [hub.node('a'), hub.node('b', { dial: 'a' })];
  const stamp = new Stamp('b', clock, random);
  let heard = 0;
  a.onMessage(({ type }) => {
    if (type !== `n${heard}`) world.violated(`a hears ${type} and not n${heard}`);
    heard += 1;
  });
  await a.start();
  await b.start();
  await world.sleep(100);
  for (let i = 0; i < 20; i += 1) {
    b.send(stamp.make({ kind: 'event', type: `n${i}`, to: 'a' }));
    await world.sleep(50);
  }
}

const COUNT: Scenario = { name: 'counting', nodes: ['a', 'b'], durationMs: 1000, run: count };
const LOSS: ScheduledFault = {
  at: 300,
  forMs: 400,
  fault: { kind: 'faults', faults: { dropRate: 1, baseDelayMs: 3, jitter: 0.1 } },
};
/** What does no harm. */
const HARMLESS: readonly ScheduledFault[] = [0, 100, 200, 500, 600, 900].map((at) => ({
  at,
  forMs: 20,
  fault: { kind: 'faults', faults: { baseDelayMs: 2 } },
}));
const MANY = [...HARMLESS.slice(0, 3), LOSS, ...HARMLESS.slice(3)];

test('a scenario that holds is run for every seed', async () => {
  const { failure, seeds, runs } = await explore(COUNT, { seeds: 5, schedule: HARMLESS });
  assert.deepEqual([failure, seeds, runs], [undefined, 5, 5]);
});

test('what fails is reduced to the fault that does it, in its simplest form, and shown', async () => {
  const { failure, seeds } = await explore(COUNT, { seeds: [7, 8], schedule: MANY });
  assert.ok(failure);
  assert.equal(seeds, 1);
  assert.equal(failure.seed, 7);
  assert.ok(failure.error instanceof Violation);
  assert.deepEqual(failure.original, MANY);
  assert.equal(failure.schedule.length, 1);
  const [{ at, forMs = 0, fault }] = failure.schedule as [ScheduledFault];
  assert.deepEqual(fault, { kind: 'faults', faults: { dropRate: 1 } });
  assert.equal(at, 300);
  assert.ok(forMs <= 100, `${forMs} ms`);
  assert.deepEqual([failure.minimal, failure.repeatable], [true, true]);
  assert.match(failure.report, /^counting fails with seed 7: a hears n\d+ and not n\d+\n1 fault of 7 is enough:\n/);
  assert.match(failure.diagram, /\|x-+ n4 -+o +event, lost/);
  assert.match(failure.diagram, /FAILED: a hears n/);
});

test('random faults find it as well, the same ones each time', async () => {
  const [one, two] = [await explore(COUNT, { seeds: 50 }), await explore(COUNT, { seeds: 50 })];
  assert.ok(one.failure);
  assert.deepEqual(one.failure.saved, two.failure?.saved);
  assert.equal(one.failure.report, two.failure?.report);
  assert.ok(one.failure.schedule.length <= 2);
  assert.ok(one.runs <= one.seeds + 202);
});

test('without shrinking the schedule stays; with few runs it says that fewer were not tried', async () => {
  const whole = await explore(COUNT, { seeds: 1, schedule: MANY, shrink: false });
  assert.deepEqual(whole.failure?.schedule, MANY);
  const { failure } = await explore(COUNT, { seeds: 1, schedule: MANY, maxShrinkRuns: 2 });
  assert.equal(failure?.minimal, false);
  assert.match(failure?.report ?? '', /fewer were not tried/);
});

test('a scenario that fails without faults is said to need none', async () => {
  const run = async () => assert.equal(1, 2, 'arithmetic');
  const { failure } = await explore({ nodes: ['a'], run }, { seeds: 3 });
  assert.deepEqual(failure?.schedule, []);
  assert.match(failure?.report ?? '', /^scenario fails with seed 1: arithmetic\nNo fault is needed\./);
});

test('another failure does not take the place of the first', async () => {
  // With the partition it violates; with nothing at all it throws something else.
  const run = async ({ hub, violated, sleep }: World) => {
    await sleep(10);
    if (hub.events().some(({ what }) => what === 'fault')) violated('a fault');
    else throw new TypeError('none');
  };
  const schedule: ScheduledFault[] = [1, 2, 3].map((at) => ({ at, fault: { kind: 'fail', node: 'a' } }));
  const { failure } = await explore({ nodes: ['a'], run }, { seeds: 1, schedule });
  assert.ok(failure?.error instanceof Violation);
  assert.equal(failure.schedule.length, 1);
});

test('what can be left out only when another fault is simpler is left out as well', async () => {
  const loss = '"dropRate":1';
  const run = async ({ hub, violated, sleep }: World) => {
    await sleep(10);
    const begun = hub.events().flatMap(({ what, detail = '' }) => (what === 'fault' ? [detail] : []));
    // With a delay beside it the loss does no harm, unless the node fails as well.
    const isDelayed = begun.some((text) => text.includes('baseDelayMs'));
    const hasFailed = begun.some((text) => text.includes('fail a'));
    if (begun.some((text) => text.includes(loss)) && (hasFailed || !isDelayed)) violated('it is lost');
  };
  const schedule: ScheduledFault[] = [
    { at: 1, fault: { kind: 'faults', faults: { dropRate: 1, baseDelayMs: 3 } } },
    { at: 2, fault: { kind: 'fail', node: 'a' } },
  ];
  const { failure } = await explore({ nodes: ['a'], run }, { seeds: 1, schedule });
  assert.deepEqual(failure?.schedule, [{ at: 1, fault: { kind: 'faults', faults: { dropRate: 1 } } }]);
  assert.equal(failure.minimal, true);
});

test('a run that never ends has failed, and says for what it waits', async () => {
  const stuck = await runScenario({ nodes: ['a'], run: () => new Promise(() => {}) }, 1, []);
  assert.ok(isNetworkError(stuck.error) && stuck.error.code === 'TIMEOUT');
  assert.match(stuck.error.message, /nothing is left to happen/);
  const run = async ({ sleep }: World) => {
    for (;;) await sleep(100);
  };
  const endless = await runScenario({ nodes: ['a'], limitMs: 5000, run }, 1, []);
  assert.match(String(endless.error), /not over after 5000 ms/);
  const thrown = await runScenario(
    {
      nodes: ['a'],
      run: async ({ clock, sleep }) => {
        clock.setTimer(5, () => {
          throw new RangeError('in a timer');
        });
        await sleep(10);
      },
    },
    1,
    [],
  );
  assert.ok(thrown.error instanceof RangeError);
});

test('chance from outside of the world is found out', async () => {
  const run = async ({ note, violated }: World) => {
    note('a', String(systemRandom.next()));
    violated('always');
  };
  const { failure } = await explore({ nodes: ['a'], run }, { seeds: 1 });
  assert.equal(failure?.repeatable, false);
  assert.match(failure?.report ?? '', /does not repeat/);
});

test('a run is saved as JSON, read again, and goes the same way', async () => {
  const { failure } = await explore(COUNT, { seeds: 1, schedule: MANY });
  const saved = readRun(JSON.stringify(failure?.saved));
  assert.deepEqual(saved, failure?.saved);
  const again = await replay(COUNT, saved);
  assert.deepEqual([again.same, again.diagram], [true, failure?.diagram]);
  const other = await replay(COUNT, { ...saved, schedule: [] });
  assert.deepEqual([other.same, other.error], [false, undefined]);
});

test('a saved run that is broken is refused by its field', () => {
  const good = { v: 1, scenario: 's', seed: 1, schedule: [], digest: 'd' };
  for (const [broken, words] of [
    ['{', /saved run/],
    ['null', /not an object/],
    [{ ...good, v: 2 }, /v: 2/],
    [{ ...good, seed: 'x' }, /seed/],
    [{ ...good, digest: undefined }, /digest/],
    [{ ...good, scenario: 1 }, /scenario/],
    [{ ...good, schedule: 'none' }, /schedule/],
    [{ ...good, schedule: [null] }, /at and fault/],
    [{ ...good, schedule: [{ at: 1, fault: { kind: 'partition' } }] }, /schedule/],
    [{ ...good, schedule: [{ at: 1, fault: { kind: 'quake' } }] }, /quake/],
  ] as const) {
    const text = typeof broken === 'string' ? broken : JSON.stringify(broken);
    assert.throws(() => readRun(text), { code: 'DESERIALIZATION', message: words });
  }
});
