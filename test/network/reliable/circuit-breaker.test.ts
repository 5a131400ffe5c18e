import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CircuitBreaker, type Outcome, REFUSED } from '../../../src/network/reliable/circuit-breaker.js';
import { NaiveCircuit } from './naive-circuit.js';

const OPTIONS = {
  failures: 3,
  failureRate: 0.5,
  minimumCalls: 10,
  windowMs: 1000,
  openMs: 100,
  openMultiplier: 2,
  maxOpenMs: 300,
};

function make(options: Partial<typeof OPTIONS> = {}) {
  const changes: string[] = [];
  const breaker = new CircuitBreaker({ ...OPTIONS, ...options }, (state) => changes.push(state));
  const call = (outcome: Outcome, now: number): boolean => {
    const ticket = breaker.enter(now);
    if (ticket === REFUSED) return false;
    breaker.leave(ticket, outcome, now);
    return true;
  };
  return { breaker, changes, call };
}

describe('a circuit', () => {
  it('opens after failures in a row, and not when a success or nothing comes between', () => {
    const { breaker, call } = make();
    for (const outcome of ['failure', 'failure', 'success', 'failure', 'failure'] as const) call(outcome, 0);
    assert.equal(breaker.state, 'closed');
    call('nothing', 0);
    call('failure', 0);
    assert.equal(breaker.state, 'open');
    assert.equal(breaker.waitMs(40), 60);
    assert.equal(call('success', 99), false);
  });

  it('opens at the failure rate, once there are enough calls in the window', () => {
    const { breaker, call } = make();
    for (let i = 0; i < 9; i += 1) call(i % 2 === 0 ? 'failure' : 'success', i);
    assert.equal(breaker.state, 'closed');
    call('success', 9);
    call('failure', 10);
    assert.equal(breaker.state, 'open');
    const slow = make();
    for (let i = 0; i < 40; i += 1) slow.call(i % 2 === 0 ? 'failure' : 'success', i * 200);
    assert.equal(slow.breaker.state, 'closed');
  });

  it('lets one probe through; its failure opens for longer, its success closes', () => {
    const { breaker, changes, call } = make({ failures: 1 });
    call('failure', 0);
    const probe = breaker.enter(100);
    assert.notEqual(probe, REFUSED);
    assert.equal(breaker.enter(100), REFUSED);
    breaker.leave(probe, 'failure', 110);
    assert.equal(breaker.waitMs(110), 200);
    assert.equal(call('failure', 310), true);
    assert.equal(breaker.waitMs(310), 300);
    assert.equal(call('success', 610), true);
    assert.equal(breaker.state, 'closed');
    call('failure', 700);
    assert.equal(breaker.waitMs(700), 100);
    assert.deepEqual(changes, ['open', 'half-open', 'open', 'half-open', 'open', 'half-open', 'closed', 'open']);
  });

  it('gives the place of a probe that says nothing to the next one', () => {
    const { breaker, call } = make({ failures: 1 });
    call('failure', 0);
    call('nothing', 100);
    assert.equal(breaker.state, 'half-open');
    assert.equal(call('success', 101), true);
    assert.equal(breaker.state, 'closed');
  });

  it('takes what began before a change of state for no news', () => {
    const { breaker, call } = make({ failures: 1 });
    const early = [breaker.enter(0), breaker.enter(0), breaker.enter(0)];
    call('failure', 0);
    breaker.leave(early[0] as number, 'success', 50);
    assert.equal(breaker.state, 'open');
    const probe = breaker.enter(100);
    breaker.leave(early[1] as number, 'success', 101);
    assert.equal(breaker.state, 'half-open');
    assert.equal(breaker.enter(101), REFUSED);
    breaker.leave(probe, 'success', 102);
    breaker.leave(early[2] as number, 'failure', 103);
    assert.equal(breaker.state, 'closed');
  });

  it('agrees with a naive model, whatever overlaps', () => {
    const outcome = fc.constantFrom<Outcome>('success', 'failure', 'nothing');
    const step = fc.oneof(
      fc.record({ wait: fc.nat(150) }),
      fc.constant({ enter: true as const }),
      fc.record({ leave: fc.nat(3), outcome }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 150 }), agree), { numRuns: 500 });
  });
});

type Step =
  | { readonly wait: number }
  | { readonly enter: true }
  | { readonly leave: number; readonly outcome: Outcome };

function agree(steps: readonly Step[]): void {
  // Without the rate: that has its own test, and rolling counts have theirs.
  const { breaker } = make({ minimumCalls: 1_000_000 });
  const model = new NaiveCircuit();
  const open: { ticket: number; era: number }[] = [];
  let now = 0;
  for (const action of steps) {
    if ('wait' in action) now += action.wait;
    else if ('enter' in action) {
      const ticket = breaker.enter(now);
      assert.equal(ticket !== REFUSED, model.enter(now));
      if (ticket !== REFUSED) open.push({ ticket, era: model.era });
    } else {
      const [call] = open.splice(action.leave, 1);
      if (!call) continue;
      breaker.leave(call.ticket, action.outcome, now);
      model.leave(call.era, action.outcome, now);
    }
    assert.equal(breaker.state, model.state);
  }
}
