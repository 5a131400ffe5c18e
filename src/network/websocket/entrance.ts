import { WebSocketServer } from 'ws';
import type { Arrival } from '../framed/arrival.js';
import { Connection } from '../framed/connection.js';
import type { Hub } from '../framed/hub.js';
import { Listener } from '../framed/listen.js';
import type { ListenOptions } from '../framed/listen-options.js';
import type { Reception } from '../framed/reception.js';
import { tlsOverheadOf } from '../framed/tls-overhead.js';
import type { NetworkWiring } from '../wiring.js';
import { HttpEntrance } from './http-entrance.js';
import { socketOptions } from './socket-options.js';
import { codecOf, PLAIN_SUBPROTOCOLS, SUBPROTOCOLS } from './subprotocols.js';
import { TlsEntrance } from './tls-entrance.js';
import { type LinkBounds, WebSocketLink } from './web-socket-link.js';

export interface EntranceParts {
  readonly wiring: NetworkWiring;
  readonly hub: Hub;
  readonly bounds: LinkBounds;
  readonly reception: Reception;
  /** Payloads of what comes in through listeners stay encoded. */
  readonly relay: boolean;
}

/** Where WebSockets come in: a listener's sockets become HTTP, and HTTP becomes links. */
export class Entrance {
  readonly #parts: EntranceParts;

  constructor(parts: EntranceParts) {
    this.#parts = parts;
  }

  listener(options: ListenOptions): Listener {
    const { hub, bounds, wiring } = this.#parts;
    const { gate } = hub;
    const { counters, limits } = bounds;
    const { log } = wiring;
    const tls = 'path' in options ? undefined : options.tls;
    const codecs = options.compression === false ? PLAIN_SUBPROTOCOLS : SUBPROTOCOLS;
    const subprotocols = new Set(codecs.keys());
    const upgrader = upgraderOf(bounds, subprotocols);
    const http = new HttpEntrance({
      gate,
      counters,
      maxHeaderBytes: limits.maxUnauthenticatedBytes,
      subprotocols,
      upgrade: ({ request, head, arrival }) =>
        upgrader.handleUpgrade(request, arrival.stream, head, (link) => this.#accepted(link, arrival, options)),
    });
    return new Listener({
      options,
      gate,
      counters,
      log,
      secure: tls && new TlsEntrance({ tls, log, counters }),
      now: () => hub.awake.exact,
      enter: (arrival) => http.enter(arrival),
    });
  }

  #accepted(link: WebSocketLink, arrival: Arrival, { name: listener, authenticator }: ListenOptions): void {
    const { hub, bounds, reception, relay: lazy } = this.#parts;
    const { address, ip, stream: raw } = arrival;
    link.track(bounds);
    link.ride({ raw, mask: undefined });
    link.restrict(bounds.limits.maxUnauthenticatedBytes);
    const codec = codecOf(link.protocol);
    const way = { address, ip, listener, tls: tlsOverheadOf(arrival) };
    reception.receive(new Connection({ host: hub, link, codec, lazy, ...way }), arrival, authenticator);
  }
}

const upgraderOf = ({ limits }: LinkBounds, subprotocols: ReadonlySet<string>) =>
  new WebSocketServer<typeof WebSocketLink>({
    ...socketOptions(limits),
    noServer: true,
    clientTracking: false,
    WebSocket: WebSocketLink,
    handleProtocols: (offered) => [...offered].find((name) => subprotocols.has(name)) ?? false,
  });
