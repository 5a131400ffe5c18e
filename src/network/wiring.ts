import { type Clock, SystemClock } from '../base/clock.js';
import { NetworkError } from '../base/errors.js';
import { type Log, silentLog } from '../base/log.js';
import { NODE_NAME, type NodeId, type Role } from '../base/names.js';
import { type Random, systemRandom } from '../base/random.js';
import { VERSION } from '../base/version.js';
import { Stamp } from '../message/stamp.js';
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

/** A wiring of which all but the name may be left out: for programs that use a network by itself. */
export type NetworkIdentity = Pick<NetworkWiring, 'self'> & Partial<NetworkWiring>;

/**
 * What is left out is taken from the machine; the role is `collaborator`, and the cluster whichever it is.
 * @throws NetworkError INVALID_OPTION
 */
export function wiringOf(identity: NetworkIdentity): NetworkWiring {
  const { self, role = 'collaborator', cluster, version = VERSION } = identity;
  const { clock = new SystemClock(), random = systemRandom, log = silentLog, admit, greeting } = identity;
  for (const [field, name] of Object.entries({ self, cluster })) {
    if (name === undefined || NODE_NAME.test(name)) continue;
    const rule = 'a name of 1 to 63 of a-z, 0-9, dot, dash and underscore that begins with a letter or a digit';
    throw new NetworkError('INVALID_OPTION', `${field} must be ${rule}, not ${JSON.stringify(name)}`);
  }
  const { stamp = new Stamp(self, clock, random.fork('network')) } = identity;
  const asked = { ...(admit && { admit }), ...(greeting && { greeting }) };
  return { self, role, cluster, version, clock, random, log, stamp, ...asked };
}

/** A role never imports a transport: it is given one of these. */
export type NetworkFactory = (wiring: NetworkWiring) => Network;
