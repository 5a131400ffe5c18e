import { WebSocketServer } from 'ws';
import { isNetworkError, NetworkError } from '../../base/errors.js';
import type { AdmissionGranted } from '../network.js';
import type { NetworkWiring } from '../wiring.js';
import { Acceptance } from './accept.js';
import type { Arrival } from './arrival.js';
import { Connection } from './connection.js';
import type { Greeting } from './greeter.js';
import type { Greetings } from './greetings.js';
import type { Hub } from './hub.js';
import { LinkedSocket } from './linked-socket.js';
import { Listener } from './listen.js';
import { LogQuota } from './log-quota.js';
import type { ListenOptions, WebSocketLimits } from './options.js';
import { socketOptions } from './socket-options.js';
import { SUBPROTOCOLS } from './subprotocols.js';

export interface ReceptionParts {
  readonly wiring: NetworkWiring;
  readonly hub: Hub;
  readonly greetings: Greetings;
  readonly listen: readonly ListenOptions[];
  /** Payloads of what comes in through listeners stay encoded. */
  readonly relay: boolean;
}

/** Where peers come in: the listeners, and what lies between an accepted socket and a connected peer. */
export class Reception {
  readonly listeners: readonly Listener[];
  readonly #parts: ReceptionParts;
  readonly #upgrader: ReturnType<typeof upgraderOf>;
  readonly #told = new LogQuota();

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
    this.#upgrader = upgraderOf(parts.hub.limits);
    this.listeners = parts.listen.map((options) => this.#listener(options));
  }

  #listener(options: ListenOptions): Listener {
    const { hub, wiring } = this.#parts;
    return new Listener({
      options,
      gate: hub.gate,
      counters: hub.counters,
      log: wiring.log,
      maxHeaderBytes: hub.limits.maxUnauthenticatedBytes,
      now: () => hub.awake.exact,
      upgrade: ({ request, head, arrival }, listener) => {
        const accepted = (socket: LinkedSocket): void => this.#accepted(socket, arrival, listener);
        this.#upgrader.handleUpgrade(request, arrival.stream, head, accepted);
      },
    });
  }

  #accepted(socket: LinkedSocket, arrival: Arrival, { options }: Listener): void {
    const { hub, wiring, relay } = this.#parts;
    socket.track(hub.sockets);
    const { address, ip, stream: raw } = arrival;
    const listener = options.name;
    const connection = new Connection({ host: hub, socket, raw, address, ip, listener, lazy: relay, mask: undefined });
    const acceptance = new Acceptance({
      connection,
      arrival,
      authenticator: options.authenticator,
      stamp: wiring.stamp,
      cluster: wiring.cluster,
      admit: (greeting, welcome) => {
        const granted = this.#admit(connection, greeting);
        hub.gate.leave(arrival);
        connection.write(this.#parts.greetings.welcome({ ...granted.welcome, ...welcome }));
        hub.enter(connection, greeting);
      },
      refused: (error) => {
        hub.counters.joinsRefused += 1;
        const level = this.#told.take(hub.awake.coarse) ? 'info' : 'debug';
        wiring.log[level]({ address: connection.address, code: error.code }, error.message);
      },
    });
    void acceptance.run();
  }

  /** @throws NetworkError why the peer may not come in */
  #admit(connection: Connection, greeting: Greeting): AdmissionGranted {
    const { hub, wiring } = this.#parts;
    const { node, role, maySubmit, instance, version } = greeting;
    const { address, listener } = connection;
    const present = hub.connections.get(node);
    if (node === wiring.self || (present !== undefined && present === hub.connections.upstream)) {
      throw new NetworkError('NAME_IN_USE', `the name ${node} is in use here`);
    }
    hub.quota.check(connection.ip, present?.ip);
    const granted =
      wiring.admit?.({
        node,
        role,
        maySubmit,
        instance,
        version,
        address,
        listener,
        greeting: greeting.greeting,
        present: present?.peer,
      }) ?? {};
    if (isNetworkError(granted)) throw granted;
    return granted;
  }
}

const upgraderOf = (limits: WebSocketLimits) =>
  new WebSocketServer<typeof LinkedSocket>({
    ...socketOptions(limits),
    noServer: true,
    clientTracking: false,
    WebSocket: LinkedSocket,
    handleProtocols: (offered) => [...offered].find((name) => SUBPROTOCOLS.has(name)) ?? false,
  });
