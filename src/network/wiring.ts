import type { Clock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import type { NodeId, Role } from '../base/names.js';
import type { Random } from '../base/random.js';
import type { Stamp } from '../message/stamp.js';
import type { Admission, Network } from './network.js';

/** What a role gives to the transport that it is to run on. */
export interface NetworkWiring {
  readonly self: NodeId;
  readonly role: Role;
  /** The cluster's name; a dialler that leaves it out takes whichever it finds. */
  readonly cluster: string | undefined;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Stamps the transport's own control messages; its epoch is our `instance`. */
  readonly stamp: Stamp;
  /** Asked for each candidate of a listener; everyone is admitted without it. */
  readonly admit?: Admission;
  /** Extra fields of our hello, asked for at each dial. */
  readonly greeting?: () => Readonly<Record<string, unknown>>;
}

/** A role never imports a transport: it is given one of these. */
export type NetworkFactory = (wiring: NetworkWiring) => Network;
