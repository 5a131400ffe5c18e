import assert from 'node:assert/strict';
import { test } from 'node:test';
import { integer, type Random, seededRandom } from '../../src/base/random.js';
import { SWEEP_MS } from '../../src/membership/failure-detector.js';
import { HeartbeatPace } from '../../src/membership/heartbeat-pace.js';
import { Membership } from '../../src/membership/membership.js';
import type { MembershipEffect } from '../../src/membership/membership-event.js';
import { connect, lose, register } from './events.js';

const MEMBERS = 10_000;

/** Real pacing against the real table, in steps of one sweep; messages take no time. */
class Cluster {
  readonly membership = new Membership();
  readonly effects: Record<string, number> = {};
  readonly #random: Random = seededRandom(11);
  readonly #paces: (HeartbeatPace | undefined)[] = [];
  now = 0;
  beats = 0;
  /** The most heartbeats that came between two sweeps. */
  busiest = 0;

  join(index: number): void {
    const node = `w${index}`;
    this.#note(connect(this.membership, node, {}, this.now));
    this.#note(register(this.membership, node, {}, this.now));
    this.#paces[index] = new HeartbeatPace(this.#random, this.membership.intervalMs, this.now);
  }

  silence(index: number): void {
    this.#paces[index] = undefined;
  }

  leave(index: number): void {
    this.silence(index);
    this.#note(lose(this.membership, `w${index}`, { left: true }, this.now));
  }

  run(untilMs: number): void {
    for (; this.now <= untilMs; this.now += SWEEP_MS) {
      const before = this.beats;
      for (let index = 0; index < this.#paces.length; index += 1) this.#beat(index);
      this.busiest = Math.max(this.busiest, this.beats - before);
      this.#note(this.membership.apply({ type: 'evaluate' }, this.now));
    }
  }

  #beat(index: number): void {
    const pace = this.#paces[index];
    if (!pace || pace.nextAt > this.now) return;
    const node = `w${index}`;
    this.beats += 1;
    pace.sent('beat', this.now);
    const report = { busy: 0, loopLagMs: 0, intervalMs: pace.intervalMs, registration: 1 };
    this.#note(this.membership.touch(node, this.now));
    for (const effect of this.membership.apply({ type: 'heartbeat', node, report }, this.now)) {
      this.#count(effect);
      if (effect.type === 'answerHeartbeat') pace.assign(effect.intervalMs, this.now);
    }
  }

  #note(effects: readonly MembershipEffect[]): void {
    for (const effect of effects) this.#count(effect);
  }

  #count(effect: MembershipEffect): void {
    const key = effect.type === 'statusChanged' ? effect.to : effect.type;
    this.effects[key] = (this.effects[key] ?? 0) + 1;
  }
}

test('ten thousand members for an hour: no false suspicion, every silence found, no heartbeat too many', () => {
  const cluster = new Cluster();
  const { membership } = cluster;
  for (let index = 0; index < MEMBERS; index += 1) {
    cluster.join(index);
    if (index % 175 === 174) cluster.run(cluster.now);
  }
  cluster.run(60_000);
  assert.equal(membership.intervalMs, 5_000);
  cluster.beats = 0;
  cluster.busiest = 0;
  const from = cluster.now;
  cluster.run(from + 600_000);
  const perSecond = cluster.beats / ((cluster.now - from) / 1_000);
  assert.ok(perSecond > 1_700 && perSecond <= 2_010, `${perSecond} heartbeats a second`);
  assert.ok(cluster.busiest < 1_600, `${cluster.busiest} in half a second`);
  assert.deepEqual([cluster.effects['joining'], cluster.effects['alive']], [MEMBERS, MEMBERS]);

  const random = seededRandom(5);
  const silenced = new Set(Array.from({ length: 100 }, () => integer(random, MEMBERS)));
  for (const index of silenced) cluster.silence(index);
  cluster.run(cluster.now + 20_000);
  assert.deepEqual(
    [cluster.effects['suspect'], cluster.effects['lost'], cluster.effects['disconnectPeer']],
    [silenced.size, silenced.size, silenced.size],
  );

  // Most leave: the others beat faster again, and are suspected neither meanwhile nor until the hour is over.
  for (let index = 0; index < MEMBERS; index += 1) if (index % 10 > 0 && !silenced.has(index)) cluster.leave(index);
  assert.equal(membership.intervalMs, 2_000);
  cluster.run(3_600_000);
  assert.equal(cluster.effects['suspect'], silenced.size);
  assert.equal(membership.counts.alive, membership.present);
  assert.equal(membership.size, membership.present + 1_000);
  assert.equal(cluster.effects['memberForgotten'], membership.counters.membersCrowdedOut);
  assert.equal(membership.present + 1_000 + membership.counters.membersCrowdedOut, MEMBERS);
  assert.deepEqual([membership.counters.heartbeatsRefused, membership.counters.sweepsLate], [0, 0]);
});
