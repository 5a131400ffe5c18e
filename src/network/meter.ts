import type { ErrorCode } from '../base/errors.js';
import type { NetworkMetrics } from './metrics.js';
import type { Peer, PeerEvent, SendOutcome, Traffic } from './network.js';

/** What is read from elsewhere at the moment of reading. */
export interface MeterReading {
  readonly peers: ReadonlyMap<string, Peer>;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
}

/** Keeps the metrics of a transport, from what it tells others anyway: nothing is counted twice per message. */
export class Meter {
  readonly #transport: string;
  readonly #errors: Partial<Record<ErrorCode, number>> = {};
  /** Of connections that have ended. */
  readonly #ended: Omit<Traffic, 'errors'> = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
  #connected = 0;

  constructor(transport: string) {
    this.#transport = transport;
  }

  /** To be told of every event of the network's peers. */
  event(event: PeerEvent): void {
    if (event.type === 'connected') {
      this.#connected += 1;
    } else if (event.type === 'disconnected') {
      add(this.#ended, event.peer.traffic);
      if (!event.left) this.failed(event.error.code);
    } else if (event.type === 'unreachable' || event.type === 'refused' || event.type === 'undelivered') {
      this.failed(event.error.code);
    }
  }

  /** @returns the outcome, counted if it is a refusal */
  outcome(outcome: SendOutcome): SendOutcome {
    if (outcome !== 'queued') this.failed(outcome);
    return outcome;
  }

  failed(code: ErrorCode): void {
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
  }

  read({ peers, queuedMessages, queuedBytes }: MeterReading): NetworkMetrics {
    const total = { ...this.#ended };
    for (const { traffic } of peers.values()) add(total, traffic);
    return {
      transport: this.#transport,
      ...total,
      errors: { ...this.#errors },
      connections: peers.size,
      connected: this.#connected,
      queuedMessages,
      queuedBytes,
    };
  }
}

function add(total: Omit<Traffic, 'errors'>, traffic: Readonly<Traffic>): void {
  total.messagesIn += traffic.messagesIn;
  total.messagesOut += traffic.messagesOut;
  total.bytesIn += traffic.bytesIn;
  total.bytesOut += traffic.bytesOut;
}
