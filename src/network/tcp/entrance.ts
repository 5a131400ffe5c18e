import { jsonCodec } from '../../message/json-codec.js';
import type { Arrival } from '../framed/arrival.js';
import { Connection } from '../framed/connection.js';
import type { Hub } from '../framed/hub.js';
import { Listener } from '../framed/listen.js';
import type { TcpListenOptions } from '../framed/listen-options.js';
import type { Reception } from '../framed/reception.js';
import { tlsOverheadOf } from '../framed/tls-overhead.js';
import type { MutualTls } from '../mutual-tls.js';
import type { NetworkWiring } from '../wiring.js';
import type { TcpCounters } from './counters.js';
import { type LinkBounds, TcpLink } from './tcp-link.js';
import { TlsEntrance } from './tls-entrance.js';

export interface EntranceParts {
  readonly wiring: NetworkWiring;
  readonly hub: Hub;
  readonly bounds: LinkBounds;
  readonly counters: TcpCounters;
  readonly reception: Reception;
  /** @default plaintext */
  readonly tls: MutualTls | undefined;
}

/** Where nodes come in: a listener's sockets become links, which begin with a greeting in JSON. */
export class Entrance {
  readonly #parts: EntranceParts;

  constructor(parts: EntranceParts) {
    this.#parts = parts;
  }

  listener(options: TcpListenOptions): Listener {
    const { hub, counters, wiring, tls } = this.#parts;
    return new Listener({
      options,
      gate: hub.gate,
      counters,
      log: wiring.log,
      secure: tls && new TlsEntrance({ tls, counters }),
      now: () => hub.awake.exact,
      enter: (arrival) => this.#enter(arrival, options),
    });
  }

  #enter(arrival: Arrival, { name: listener, authenticator }: TcpListenOptions): void {
    const { hub, bounds, reception } = this.#parts;
    const { address, ip, stream } = arrival;
    // Until it says something it may have to make room for others.
    stream.once('data', () => hub.gate.watch(arrival));
    // What it may send is less than what it might announce, and have memory kept for.
    const link = new TcpLink(stream, bounds, hub.limits.maxUnauthenticatedBytes);
    const way = { address, ip, listener, tls: tlsOverheadOf(arrival) };
    const connection = new Connection({ host: hub, link, codec: jsonCodec, lazy: false, ...way });
    reception.receive(connection, arrival, authenticator);
  }
}
