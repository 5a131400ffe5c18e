import { type ErrorCode, NetworkError, NetworkTimeoutError } from '../../../src/base/errors.js';
import type { VirtualClock } from '../../../src/base/virtual-clock.js';
import type { NetworkMessage } from '../../../src/message/message.js';
import type { RequestingNetwork } from '../../../src/network/endpoint.js';
import type { Peer } from '../../../src/network/network.js';
import type { RequestDraft, RequestLimits } from '../../../src/network/requester.js';

/** What becomes of one request: an answer or an error after `ms`, or silence until its time is over. */
export type Fate = { readonly ms: number; readonly code?: ErrorCode } | 'silence';

export interface Sent {
  readonly at: number;
  readonly draft: RequestDraft;
  readonly timeoutMs: number | undefined;
  aborted: boolean;
}

/** A network whose requests go as a script says; the last line of it holds for all further ones. */
export class ScriptedNetwork {
  readonly sent: Sent[] = [];
  readonly self = 'me';
  readonly upstream = undefined;
  readonly peers: ReadonlyMap<string, Peer> = new Map();
  readonly counters: Readonly<Record<string, number>> = {};
  readonly #clock: VirtualClock;
  readonly #script: Fate[];

  constructor(clock: VirtualClock, script: readonly Fate[]) {
    this.#clock = clock;
    this.#script = [...script];
  }

  /** As far as these tests go, it is one. */
  asNetwork(): RequestingNetwork {
    return this as unknown as RequestingNetwork;
  }

  get times(): number[] {
    return this.sent.map(({ at }) => at);
  }

  request(draft: RequestDraft, { timeoutMs, signal }: RequestLimits = {}): Promise<NetworkMessage> {
    const sent: Sent = { at: this.#clock.now(), draft, timeoutMs, aborted: false };
    if (signal?.aborted) return Promise.reject(new NetworkError('CANCELLED', 'before it was sent'));
    this.sent.push(sent);
    const fate = (this.#script.length > 1 ? this.#script.shift() : this.#script[0]) ?? 'silence';
    return new Promise((resolve, reject) => {
      const limit = timeoutMs ?? 5000;
      const late = fate === 'silence' || fate.ms >= limit;
      const timer = this.#clock.setTimer(late ? limit : fate.ms, () => {
        if (late) reject(new NetworkTimeoutError(`nothing within ${limit} ms`));
        else if (fate.code) reject(new NetworkError(fate.code, `scripted ${fate.code}`));
        else
          resolve({ v: 1, id: 'x-1', kind: 'response', type: draft.type, from: draft.to ?? '', ts: 0, payload: 'ok' });
      });
      signal?.addEventListener('abort', () => {
        sent.aborted = true;
        timer.cancel();
        reject(new NetworkError('CANCELLED', 'aborted'));
      });
    });
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
