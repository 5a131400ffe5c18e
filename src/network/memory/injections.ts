import type { Clock, Timer } from '../../base/clock.js';
import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { around, type Barrier, type Barriers, between, split } from './barriers.js';
import type { Climate } from './climate.js';
import { checkFault, type Fault, faultText, type ScheduledFault } from './fault.js';

/** A fault that was begun. */
export interface Injection extends Disposable {
  readonly fault: Fault;
  /** Puts right what the fault did. Idempotent. */
  end(): void;
}

/** What faults act on. */
export interface FaultGround {
  readonly clock: Clock;
  readonly climate: Climate;
  readonly barriers: Barriers;
  /** Something stands no longer between nodes: what waits sets out. */
  passable(): void;
  /** Kills the node's process. */
  kill(node: NodeId): void;
  /** Starts it again, if the hub knows how. */
  revive(node: NodeId): void;
  shift(node: NodeId, by: { readonly skewMs?: number; readonly driftPpm?: number }): void;
  note(text: string): void;
}

/** Faults of a schedule, and faults that go on, at once; more are refused. */
const MAX_FAULTS = 10_000;

/** The faults that a hub was told to have, now and at their time. */
export class Injections {
  readonly #ground: FaultGround;
  readonly #running = new Set<Injection>();
  /** Of faults that are still to begin. */
  readonly #waiting = new Set<Timer>();
  /** Who is down, and for how many faults. */
  readonly #down = new Map<NodeId, number>();
  #count = 0;

  constructor(ground: FaultGround) {
    this.#ground = ground;
  }

  /** @throws NetworkError INVALID_OPTION naming the field */
  inject(fault: Fault, forMs?: number): Injection {
    checkFault(fault);
    checkTime('forMs', forMs ?? 0);
    this.#need(1);
    const undo = this.#begin(fault);
    this.#ground.note(`begins: ${faultText(fault)}`);
    let timer: Timer | undefined;
    const end = (): void => {
      if (!this.#running.delete(injection)) return;
      timer?.cancel();
      this.#ground.note(`is over: ${faultText(fault)}`);
      undo();
    };
    const injection: Injection = { fault, end, [Symbol.dispose]: end };
    this.#running.add(injection);
    if (forMs !== undefined) timer = this.#ground.clock.setTimer(forMs, end);
    return injection;
  }

  /** @throws NetworkError INVALID_OPTION naming the field; nothing is scheduled then */
  schedule(faults: readonly ScheduledFault[]): Disposable {
    this.#need(faults.length);
    for (const { at, forMs, fault } of faults) {
      checkTime('at', at);
      checkTime('forMs', forMs ?? 0);
      checkFault(fault);
    }
    const timers = faults.map(({ at, forMs, fault }) => this.#later(at, () => void this.inject(fault, forMs)));
    const cancel = (): void => {
      for (const timer of timers) this.#forget(timer);
    };
    return { [Symbol.dispose]: cancel };
  }

  /** Everything is put right, and nothing more is to come. */
  clear(): void {
    for (const timer of this.#waiting) timer.cancel();
    this.#waiting.clear();
    for (const injection of [...this.#running]) injection.end();
  }

  #begin(fault: Fault): () => void {
    switch (fault.kind) {
      case 'partition': {
        const [a, b] = fault.between;
        const there = this.#raise(between(a, b, fault));
        const back = fault.oneWay ? undefined : this.#raise(between(b, a, fault));
        return () => {
          there();
          back?.();
        };
      }
      case 'split':
        return this.#raise(split(fault.groups, fault));
      case 'fail':
        return this.#raise(around(fault.node, fault));
      case 'crash':
        return this.#crash(fault.node);
      case 'faults':
        return this.#ground.climate.add(fault);
      case 'clock':
        return this.#shift(fault);
    }
  }

  #raise(barrier: Barrier): () => void {
    const { barriers } = this.#ground;
    this.#count += 1;
    const key = `injected ${this.#count}`;
    barriers.raise(key, barrier);
    return () => {
      barriers.lower(key);
      this.#ground.passable();
    };
  }

  #crash(node: NodeId): () => void {
    this.#down.set(node, (this.#down.get(node) ?? 0) + 1);
    this.#ground.kill(node);
    return () => {
      const left = (this.#down.get(node) ?? 1) - 1;
      this.#down.set(node, left);
      if (left === 0) this.#ground.revive(node);
    };
  }

  #shift({ node, skewMs = 0, driftPpm = 0 }: Fault & { readonly kind: 'clock' }): () => void {
    this.#ground.shift(node, { skewMs, driftPpm });
    return () => this.#ground.shift(node, { skewMs: -skewMs, driftPpm: -driftPpm });
  }

  #later(delayMs: number, act: () => void): Timer {
    const timer = this.#ground.clock.setTimer(delayMs, () => {
      this.#waiting.delete(timer);
      act();
    });
    this.#waiting.add(timer);
    return timer;
  }

  #forget(timer: Timer): void {
    timer.cancel();
    this.#waiting.delete(timer);
  }

  #need(more: number): void {
    if (this.#running.size + this.#waiting.size + more <= MAX_FAULTS) return;
    throw new NetworkError('INVALID_OPTION', `more than ${MAX_FAULTS} faults at once`);
  }
}

function checkTime(field: string, ms: number): void {
  if (Number.isFinite(ms) && ms >= 0) return;
  throw new NetworkError('INVALID_OPTION', `${field}: ${ms} is not a number of milliseconds, 0 or more`);
}
