import type { Clock, Timer } from '../base/clock.js';
import { NetworkTimeoutError } from '../base/errors.js';
import type { Random } from '../base/random.js';
import type { NetworkManager } from '../manager/manager.js';
import { heartbeatIntervalMs } from '../membership/failure-detector.js';
import { HeartbeatPace } from '../membership/heartbeat-pace.js';
import type { HeartbeatReport } from '../membership/membership-event.js';
import type { NetworkMessage } from '../message/message.js';
import type { Peer } from '../network/network.js';
import { HEARTBEAT, type HeartbeatAnswer, readHeartbeatAnswer } from './wire.js';

interface PulseParts {
  readonly manager: NetworkManager;
  readonly clock: Clock;
  readonly random: Random;
  /** What each heartbeat says beside the pace. */
  readonly report: () => Partial<HeartbeatReport>;
  readonly answered?: (answer: HeartbeatAnswer) => void;
}

/**
 * The dialling side's heartbeat: sends at the leader's pace, measures the way, and gives a silent leader up, so that
 * it is dialled again.
 */
export class Pulse {
  readonly #parts: PulseParts;
  #pace: HeartbeatPace | undefined;
  #leader: Peer | undefined;
  #timer: Timer | undefined;
  #rttMs: number | null = null;

  constructor(parts: PulseParts) {
    this.#parts = parts;
    parts.manager.onControl(HEARTBEAT, (message, peer) => this.#answered(message, peer));
  }

  /** Round trip of the last heartbeat that was answered. */
  get rttMs(): number | null {
    return this.#rttMs;
  }

  /** For one connection; the first heartbeat goes out at once. */
  start(leader: Peer): void {
    this.stop();
    const { clock, random } = this.#parts;
    this.#leader = leader;
    this.#pace = new HeartbeatPace(random, greetedPace(leader), clock.now());
    this.#beat(this.#pace);
  }

  /** Whatever the leader sends is a sign of life. */
  arrived(): void {
    this.#pace?.heard(this.#parts.clock.now());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#pace = undefined;
    this.#leader = undefined;
  }

  #beat(pace: HeartbeatPace): void {
    const { manager, clock } = this.#parts;
    const payload = { ...this.#parts.report(), rttMs: this.#rttMs ?? undefined, intervalMs: pace.intervalMs };
    const message = manager.stamp.make({ kind: 'heartbeat', type: HEARTBEAT, priority: 'critical', payload });
    manager.network.send(message);
    pace.sent(message.id, clock.now());
    this.#arm(pace);
  }

  #arm(pace: HeartbeatPace): void {
    const { clock } = this.#parts;
    this.#timer?.cancel();
    const nextAt = Math.min(pace.nextAt, pace.silentAt);
    this.#timer = clock.setTimer(nextAt - clock.now(), () => {
      // After the sockets were read: a stall of our own must not look like silence of the leader.
      this.#timer = clock.defer(() => this.#due(pace));
    });
  }

  #due(pace: HeartbeatPace): void {
    const now = this.#parts.clock.now();
    if (now < pace.silentAt) {
      if (now >= pace.nextAt) this.#beat(pace);
      else this.#arm(pace);
      return;
    }
    const leader = this.#leader;
    if (!leader) return;
    const silence = `nothing came from ${leader.node} for too long; the connection is given up`;
    this.#parts.manager.network.disconnect(leader.node, new NetworkTimeoutError(silence, { node: leader.node }));
  }

  #answered(message: NetworkMessage, peer: Peer): void {
    const pace = this.#pace;
    if (!pace || peer !== this.#leader || message.re === undefined) return;
    const now = this.#parts.clock.now();
    const rttMs = pace.answered(message.re, now);
    if (rttMs !== undefined) this.#rttMs = Math.round(rttMs * 100) / 100;
    const before = pace.nextAt;
    const answer = readHeartbeatAnswer(message);
    pace.assign(answer.heartbeatMs, now);
    if (pace.nextAt !== before) this.#arm(pace);
    this.#parts.answered?.(answer);
  }
}

/** A welcome without a usable pace must not end the connection: the leader says its pace again with each answer. */
function greetedPace(leader: Peer): number {
  const asked = leader.greeting['heartbeatMs'];
  return typeof asked === 'number' ? asked : heartbeatIntervalMs(1);
}
