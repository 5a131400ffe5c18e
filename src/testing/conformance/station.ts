import type { Clock } from '../../base/clock.js';
import type { Log } from '../../base/log.js';
import { silentLog } from '../../base/log.js';
import type { NodeId } from '../../base/names.js';
import type { Random } from '../../base/random.js';
import type { MessageDraft, NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import { Stamp } from '../../message/stamp.js';
import { Endpoint, type RequestingNetwork } from '../../network/endpoint.js';
import type { MessageContext } from '../../network/message-handler.js';
import type { Network, Peer, PeerEvent, SendOutcome } from '../../network/network.js';
import { ReliableNetwork } from '../../network/reliable/reliable-network.js';
import type { RequestDraft, RequestLimits } from '../../network/requester.js';
import type { NetworkWiring } from '../../network/wiring.js';
import { shown } from './assertions.js';
import type { Place } from './subject.js';
import { Watch } from './watch.js';

/** How a check uses the transport. */
export interface Layers {
  /** Through an `Endpoint`, or as a bare `Network`. */
  readonly requests: boolean;
  /** Through a `ReliableNetwork` over an `Endpoint`, whatever `requests` says. */
  readonly wrapped: boolean;
}

/** Sent to be connected, where nodes dial on demand; no check sees it. */
export const WARM_UP = 'conformance.warm-up';
export const TEST = 'test';
/** For requests whose deadline is not what the check is about. */
export const PATIENT: RequestLimits = { timeoutMs: 60_000 };

export interface StationParts {
  readonly wiring: NetworkWiring;
  readonly place: Place;
  readonly network: Network;
  readonly layers: Layers;
}

/** A node of a check: its network in the layers that the check is about, and all that it has heard. */
export class Station {
  readonly name: NodeId;
  readonly place: Place;
  readonly clock: Clock;
  readonly watch: Watch;
  /** What the check is about: the transport itself, or what was laid around it. */
  readonly network: Network;
  readonly events: PeerEvent[] = [];
  readonly received: NetworkMessage[] = [];
  /** Called with each message that is kept in `received`. */
  onMessage: (message: NetworkMessage, peer: Peer) => void = () => {};
  /** Called with each event. */
  onEvent: (event: PeerEvent) => void = () => {};
  readonly #requesting: RequestingNetwork | undefined;
  readonly #stamp: Stamp;
  over = false;

  constructor({ wiring, place, network, layers }: StationParts) {
    this.name = wiring.self;
    this.place = place;
    this.clock = wiring.clock;
    this.#stamp = new Stamp(wiring.self, wiring.clock, wiring.random.fork('station'));
    this.watch = new Watch(network);
    this.#requesting = layers.requests || layers.wrapped ? requesting(this.watch, wiring, layers) : undefined;
    this.network = this.#requesting ?? this.watch;
    this.network.onMessage((message, peer) => {
      if (message.type === WARM_UP) return;
      this.received.push(message);
      this.onMessage(message, peer);
    });
    this.network.onPeer((event) => {
      this.events.push(event);
      this.onEvent(event);
    });
  }

  /** For requests. */
  get asking(): RequestingNetwork {
    if (!this.#requesting) throw new Error('this check is not about requests');
    return this.#requesting;
  }

  /** Answers requests. */
  handle(handler: (message: NetworkMessage, context: MessageContext) => unknown): void {
    this.asking.handle({
      handle: (message, context) => (message.type === WARM_UP ? undefined : handler(message, context)),
    });
  }

  /** One request; resolves with the payload of its answer. Nobody need wait for it: a check may fail before. */
  request(draft: RequestDraft, limits: RequestLimits = PATIENT): Promise<unknown> {
    const payload = this.asking.request(draft, limits).then(payloadOf);
    payload.catch(() => {});
    return payload;
  }

  ask(to: NodeId, payload: unknown, limits?: RequestLimits): Promise<unknown> {
    return this.request({ type: 'ask', to, payload }, limits);
  }

  make(draft: Partial<MessageDraft>): NetworkMessage {
    return this.#stamp.make({ kind: 'event', type: TEST, ...draft });
  }

  /** Sends an event. */
  tell(to: NodeId, payload: unknown, more: Partial<MessageDraft> = {}): SendOutcome {
    return this.network.send(this.make({ to, payload, ...more }));
  }

  /** What arrived, payloads only. */
  payloads(): unknown[] {
    return this.received.map(payloadOf);
  }

  /** The events of a type, oldest first. */
  seen<T extends PeerEvent['type']>(type: T): Extract<PeerEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<PeerEvent, { type: T }> => event.type === type);
  }

  /** What it was told of its peers, for people. */
  story(): string {
    const lines = this.events.map((event) => {
      if (event.type === 'disconnected') return `disconnected ${event.peer.node} (${event.error.code})`;
      return `${event.type} ${'peer' in event ? event.peer.node : shown(event)}`;
    });
    return lines.length === 0 ? `${this.name} was told nothing` : `${this.name} was told ${lines.join(', ')}`;
  }
}

function requesting(network: Network, wiring: NetworkWiring, layers: Layers): RequestingNetwork {
  const { clock, random } = wiring;
  const endpoint = new Endpoint({ network, clock, random: random.fork('endpoint') });
  if (!layers.wrapped) return endpoint;
  return new ReliableNetwork(endpoint, { maxRetries: 0, circuit: false, clock, random: random.fork('reliable') });
}

/** What a node is given when it is made. */
export function wiringOf(
  self: NodeId,
  parts: { readonly clock: Clock; readonly random: Random } & Partial<NetworkWiring>,
): NetworkWiring {
  const { clock, random } = parts;
  const log: Log = silentLog;
  const stamp = new Stamp(self, clock, random.fork('stamp'));
  return { self, role: 'collaborator', cluster: 'conformance', version: '1.2.3', log, stamp, ...parts };
}
