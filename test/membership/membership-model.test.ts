import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPresent, MEMBER_STATUSES, type MemberStatus } from '../../src/membership/member.js';
import { Membership } from '../../src/membership/membership.js';
import type { MembershipEffect, MembershipEvent } from '../../src/membership/membership-event.js';

const NODES = ['a', 'b', 'c', 'd'];
const LOST_AFTER_MS = 9_000;

/** Where a status may go to. `left` and `lost` end with a connection and with nothing else. */
const ALLOWED: Readonly<Record<MemberStatus, readonly MemberStatus[]>> = {
  joining: ['alive', 'draining', 'suspect', 'lost', 'left'],
  alive: ['draining', 'suspect', 'lost', 'left', 'joining'],
  draining: ['alive', 'suspect', 'lost', 'left', 'joining'],
  suspect: ['alive', 'joining', 'draining', 'lost', 'left'],
  lost: ['joining', 'left'],
  left: ['joining'],
};

interface Step {
  readonly waitMs: number;
  readonly node: string;
  readonly what: MembershipEvent['type'] | 'frame';
  readonly instance: string;
  readonly sequence: number;
  readonly flag: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  waitMs: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 500 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
  ),
  node: fc.constantFrom(...NODES),
  what: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('evaluate' as const, 'frame' as const) },
    { weight: 3, arbitrary: fc.constantFrom('connected' as const, 'registered' as const, 'heartbeat' as const) },
    { weight: 1, arbitrary: fc.constantFrom('disconnected' as const, 'draining' as const) },
    { weight: 1, arbitrary: fc.constantFrom('evicted' as const, 'forgotten' as const) },
  ),
  instance: fc.constantFrom('one', 'two'),
  sequence: fc.integer({ min: 1, max: 6 }),
  flag: fc.boolean(),
});

function eventOf({ what, node, instance, sequence, flag }: Step): MembershipEvent | undefined {
  switch (what) {
    case 'frame':
      return undefined;
    case 'evaluate':
      return { type: what };
    case 'connected':
      return { type: what, node, instance, version: '0.1.0', address: 'memory', pid: 1 };
    case 'registered':
      return { type: what, node, registration: { sequence, handlers: [`v${sequence}`], tags: {}, slots: 1 } };
    case 'heartbeat':
      return { type: what, node, report: { busy: sequence, loopLagMs: 0, registration: sequence } };
    case 'disconnected':
      return { type: what, node, instance, left: flag };
    case 'draining':
      return { type: what, node, on: flag };
    case 'evicted':
    case 'forgotten':
      return { type: what, node };
  }
}

/** What an observer knows who saw nothing but the events and the effects. */
class Observer {
  readonly statuses = new Map<string, MemberStatus>();
  readonly #instances = new Map<string, string>();
  readonly #lastFrame = new Map<string, number>();
  /** The newest registration of the present process. */
  readonly sequences = new Map<string, number>();

  before(step: Step, now: number): void {
    const { node, what, instance, sequence } = step;
    const status = this.statuses.get(node);
    const present = status !== undefined && isPresent(status);
    if (what === 'connected') {
      if (this.#instances.get(node) !== instance) this.sequences.delete(node);
      this.#instances.set(node, instance);
      this.#lastFrame.set(node, now);
    }
    if (!present) return;
    if (what === 'frame') this.#lastFrame.set(node, now);
    if (what === 'registered') this.sequences.set(node, Math.max(sequence, this.sequences.get(node) ?? 0));
  }

  after(effects: readonly MembershipEffect[], step: Step, now: number): void {
    for (const effect of effects) {
      if (effect.type === 'memberForgotten') {
        const status = this.statuses.get(effect.node);
        assert.ok(status === 'lost' || status === 'left', `${effect.node} is ${status} when it is forgotten`);
        this.statuses.delete(effect.node);
      }
      if (effect.type !== 'statusChanged') continue;
      const { node, from, to, reason } = effect;
      assert.equal(from, this.statuses.get(node), `${node} goes to ${to}`);
      if (from === undefined) assert.equal(to, 'joining');
      else assert.ok(ALLOWED[from].includes(to), `${node}: ${from} → ${to}`);
      if (from === 'left' || (from === 'lost' && to === 'joining')) assert.equal(reason, 'connected');
      if (to === 'lost' && step.what === 'evaluate') {
        const silentMs = now - (this.#lastFrame.get(node) ?? Number.NaN);
        assert.ok(silentMs >= LOST_AFTER_MS, `${node} is lost after ${silentMs} ms of silence`);
      }
      this.statuses.set(node, to);
    }
  }
}

function tally(membership: Membership): Record<string, number> {
  const counts = Object.fromEntries(MEMBER_STATUSES.map((status) => [status, 0]));
  for (const { status } of membership.members()) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** What a reader of `status` sees. */
const visible = (membership: Membership): string =>
  JSON.stringify([...membership.members()].map((m) => [m.node, m.instance, m.status, m.handlers, m.tags, m.slots]));

function perform(membership: Membership, observer: Observer, step: Step, now: number): void {
  const seen = visible(membership);
  const { revision } = membership;
  observer.before(step, now);
  const event = eventOf(step);
  const effects = event ? membership.apply(event, now) : membership.touch(step.node, now);
  observer.after(effects, step, now);
  assert.deepEqual({ ...membership.counts }, tally(membership));
  assert.deepEqual(
    Object.fromEntries([...membership.members()].map((member) => [member.node, member.status])),
    Object.fromEntries(observer.statuses),
  );
  assert.ok(membership.revision >= revision);
  if (visible(membership) !== seen) assert.ok(membership.revision > revision, `${step.what} changed what is seen`);
  else if (effects.every((effect) => effect.type !== 'statusChanged')) assert.equal(membership.revision, revision);
  for (const member of membership.members()) {
    const sequence = observer.sequences.get(member.node);
    assert.deepEqual(member.handlers, sequence === undefined ? [] : [`v${sequence}`]);
  }
}

test('whatever happens: counts add up, effects tell the truth, nobody is lost before the time', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const membership = new Membership();
      const observer = new Observer();
      let now = 0;
      for (const one of steps) {
        now += one.waitMs;
        perform(membership, observer, one, now);
      }
    }),
    { numRuns: 400 },
  );
});

test('whatever happened: once it is silent every member is lost, once each, within ten seconds of clean sweeps', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const membership = new Membership();
      let now = 0;
      for (const one of steps) {
        now += one.waitMs;
        const event = eventOf(one);
        if (event) membership.apply(event, now);
        else membership.touch(one.node, now);
      }
      // Late sweeps of the past may have lengthened the deadlines: as many clean ones undo it.
      const present = [...membership.members()].filter((member) => isPresent(member.status));
      for (let i = 0; i < 9; i += 1, now += 500) membership.apply({ type: 'evaluate' }, now);
      for (const { node } of present) membership.touch(node, now);
      const lost: string[] = [];
      const alive = present.filter((member) => isPresent(member.status)).map((member) => member.node);
      for (let i = 0; i < 19; i += 1, now += 500) {
        for (const effect of membership.apply({ type: 'evaluate' }, now)) {
          if (effect.type === 'disconnectPeer') lost.push(effect.node);
        }
      }
      assert.deepEqual(lost.sort(), alive.sort());
      assert.equal(membership.present, 0);
    }),
    { numRuns: 200 },
  );
});
