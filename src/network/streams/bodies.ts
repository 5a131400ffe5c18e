import type { Clock } from '../../base/clock.js';
import type { DeadlineWheel } from '../../base/deadline-wheel.js';
import { NetworkError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Stamp } from '../../message/stamp.js';
import type { BodyMetrics } from '../metrics.js';
import type { Network, Peer, PeerEvent } from '../network.js';
import type { Requester } from '../requester.js';
import { IncomingBodies, type IncomingCounters } from './incoming-bodies.js';
import { type BodyLimits, resolveBodyLimits } from './limits.js';
import { Uploads, type UploadsCounters } from './uploads.js';
import { CANCEL, CREDIT } from './wire.js';

export interface BodiesParts {
  readonly network: Network;
  readonly stamp: Stamp;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly requester: Requester;
  readonly log: Log;
  /** @default see BodyLimits */
  readonly limits?: Partial<BodyLimits> | undefined;
}

/** The bodies of a node, both ways. */
export class Bodies {
  readonly outgoing: Uploads;
  readonly incoming: IncomingBodies;
  readonly limits: BodyLimits;
  readonly #parts: BodiesParts;

  /** @throws NetworkError INVALID_OPTION */
  constructor(parts: BodiesParts) {
    this.#parts = parts;
    this.limits = resolveBodyLimits(parts.limits);
    this.outgoing = new Uploads({ ...parts, limits: this.limits });
    this.incoming = new IncomingBodies({ ...parts, limits: this.limits });
  }

  get counters(): UploadsCounters & IncomingCounters {
    return { ...this.outgoing.counters, ...this.incoming.counters, bodiesForgotten: this.incoming.past.forgotten };
  }

  metrics(): BodyMetrics {
    return { incoming: this.incoming.size, outgoing: this.outgoing.size };
  }

  /** A control message with one of the BODY_VERBS. */
  control(message: NetworkMessage, peer: Peer): void {
    if (this.outgoing.control(message, peer)) return;
    if (message.type === CREDIT) this.#disown(message, peer);
    else this.incoming.control(message, peer.node);
  }

  peerEvent(event: PeerEvent): void {
    this.outgoing.peerEvent(event);
  }

  /** Somebody waits for a body that we do not send, or no more. */
  #disown({ re }: NetworkMessage, { node }: Peer): void {
    const payload = new NetworkError('CANCELLED', `${this.#parts.network.self} sends no such body any more`).toWire();
    this.#parts.network.send(this.#parts.stamp.make({ kind: 'control', type: CANCEL, to: node, re, payload }));
  }
}
