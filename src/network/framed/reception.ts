import { isNetworkError, NetworkError } from '../../base/errors.js';
import type { Authenticator } from '../authenticator.js';
import type { AdmissionGranted } from '../network.js';
import type { NetworkWiring } from '../wiring.js';
import { Acceptance, type CodecAgreement } from './accept.js';
import type { Arrival } from './arrival.js';
import type { Connection } from './connection.js';
import type { Greeting } from './greeter.js';
import type { Greetings } from './greetings.js';
import type { Hub, Topology } from './hub.js';
import { LogQuota } from './log-quota.js';

/** A topology that nodes may come into. */
export interface OpenTopology extends Topology {
  /**
   * @returns the connection that one of this peer would replace
   * @throws NetworkError why no such node may come in
   */
  placeFor(newcomer: Pick<Greeting, 'node' | 'instance'>): Connection | undefined;
  /**
   * Another process may have the name: resolves when it is free, which may need that one to be asked. @default at once
   * @throws NetworkError NAME_IN_USE
   */
  vacate?(newcomer: Pick<Greeting, 'node' | 'instance'>): Promise<void>;
  /** The greeting is over: the peer is connected. */
  enter(connection: Connection, greeting: Greeting): void;
}

export interface ReceptionParts {
  readonly wiring: NetworkWiring;
  readonly hub: Hub<OpenTopology>;
  readonly greetings: Greetings;
  /** Where the transport does not say what is written. */
  readonly agree?: CodecAgreement | undefined;
}

/** What lies between a link that has come in and a connected peer. */
export class Reception {
  readonly #parts: ReceptionParts;
  readonly #told = new LogQuota();

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
  }

  /** Greets whoever is at the other end, and lets it in or refuses it. */
  receive(connection: Connection, arrival: Arrival, authenticator: Authenticator): void {
    const { hub, wiring, greetings, agree } = this.#parts;
    const acceptance = new Acceptance({
      connection,
      arrival,
      authenticator,
      stamp: wiring.stamp,
      self: wiring.self,
      cluster: wiring.cluster,
      agree,
      vacate: (newcomer) => hub.topology.vacate?.(newcomer) ?? Promise.resolve(),
      admit: (greeting, welcome) => {
        const granted = this.#admit(connection, greeting);
        hub.gate.leave(arrival);
        connection.write(greetings.welcome({ ...granted.welcome, ...welcome }, greeting.codec?.name));
        hub.topology.enter(connection, greeting);
      },
      refused: (error) => this.#refused(connection, error),
    });
    hub.gate.whenLate(arrival, () => connection.refuse(tooLate(hub.limits.handshakeTimeoutMs)));
    void acceptance.run();
  }

  #refused(connection: Connection, error: NetworkError): void {
    const { hub, wiring } = this.#parts;
    hub.counters.joinsRefused += 1;
    const level = this.#told.take(hub.awake.coarse) ? 'info' : 'debug';
    wiring.log[level]({ address: connection.address, code: error.code }, error.message);
  }

  /** @throws NetworkError why the peer may not come in */
  #admit(connection: Connection, greeting: Greeting): AdmissionGranted {
    const { hub, wiring } = this.#parts;
    const { node, role, maySubmit, instance, version } = greeting;
    const { address, listener } = connection;
    hub.outcasts.check(node, hub.awake.coarse);
    const present = hub.topology.placeFor(greeting);
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

const tooLate = (limitMs: number): NetworkError =>
  new NetworkError('HANDSHAKE_TIMEOUT', `no hello, or no proof that was asked for, came within ${limitMs} ms`);
