import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.js';
import type { NodeId } from '../../base/names.js';
import type { AuthenticationChannel, Authenticator, Hello, Identity } from '../../network/authenticator.js';
import type { Audit } from '../audit/audit.js';
import type { Invites } from '../invites/invites.js';
import type { JoinToken } from '../invites/join-token.js';
import { addressGroup } from './address-group.js';
import type { DeviceRecord } from './device-book.js';
import { deviceIdOf } from './device-key.js';
import type { Devices } from './devices.js';
import { type Claim, Enrolment, type Outcome } from './enrolment.js';
import type { GuessLimit } from './guess-limit.js';
import { readAnswer } from './proof-message.js';
import { locked, malformed, noTls, wrongCluster, wrongRole } from './refusals.js';

export interface DeviceAuthenticatorOptions {
  readonly cluster: string;
  readonly leader: NodeId;
  readonly invites: Invites;
  readonly devices: Devices;
  readonly guesses: GuessLimit;
  readonly audit: Audit;
  readonly clock: Clock;
  /** PEM: the CA certificates that a node is to trust from now on. */
  readonly roots: () => readonly string[];
}

const NONCE_BYTES = 32;
/** Refusals that mean that somebody may be guessing. What is wrong with a credential that is right is no guess. */
const GUESSES: ReadonlySet<string> = new Set(['unknown-token', 'wrong-token', 'unknown-key', 'wrong-proof']);

/**
 * Lets in who has a device key, and makes devices of those who have a token. Asks with a nonce; the answer is signed
 * for this nonce, role, name and TLS certificate, so that it is good for this connection only.
 *
 * Wrong credentials are limited per address: guessed tokens and unknown keys of an address lock the address for all
 * that are not enrolled, good tokens included. A device that is known is locked only by wrong proofs of its own key
 * from its own address: what strangers behind the same NAT do does not keep it out.
 */
export class DeviceAuthenticator implements Authenticator {
  readonly name = 'device key over TLS';
  readonly counters: { enrolments: number; sessions: number } = { enrolments: 0, sessions: 0 };
  readonly #options: DeviceAuthenticatorOptions;
  readonly #enrolment: Enrolment;

  constructor(options: DeviceAuthenticatorOptions) {
    this.#options = options;
    this.#enrolment = new Enrolment(options);
  }

  async authenticate(hello: Hello, channel: AuthenticationChannel): Promise<Identity> {
    const about: About = { token: undefined, device: undefined };
    const outcome = await this.#decide(hello, channel, about);
    if ('device' in outcome) return this.#identify(hello, outcome);
    const { reason, error } = outcome;
    const { node, role } = hello;
    this.#options.audit.refused({ reason, address: channel.address, node, role, ...about, error });
    throw error;
  }

  async #decide(hello: Hello, channel: AuthenticationChannel, about: About): Promise<Outcome> {
    const { binding } = channel;
    if (channel.transport !== 'tls' || binding === undefined) return noTls();
    const { cluster } = this.#options;
    // Before anything is used up: the transport would refuse it as well, but only afterwards.
    if (hello.cluster !== undefined && hello.cluster !== cluster) return wrongCluster(cluster, hello.cluster);
    if (hello.role === 'leader') return wrongRole(hello.role, 'a cluster has one leader');
    const nonce = randomBytes(NONCE_BYTES);
    channel.write('challenge', { nonce: nonce.toString('base64url') });
    const answer = readAnswer(await channel.read());
    if (typeof answer === 'string') return malformed(answer);
    const { key, signature, token } = answer;
    about.device = deviceIdOf(key);
    about.token = token?.id;
    const { node, role } = hello;
    return this.#judge({ nonce, node, role, binding, key, signature }, token, addressGroup(channel.address));
  }

  async #judge(claim: Claim, token: JoinToken | undefined, group: string): Promise<Outcome> {
    const { guesses, clock } = this.#options;
    const guesser = this.#enrolment.isKnown(claim.key) ? `${group} ${deviceIdOf(claim.key)}` : group;
    const waitMs = guesses.waitMs(guesser, clock.now());
    if (waitMs > 0) return locked(waitMs);
    const outcome = await (token ? this.#enrolment.enrol(claim, token) : this.#enrolment.prove(claim));
    if ('reason' in outcome && GUESSES.has(outcome.reason)) guesses.wrong(guesser, clock.now());
    return outcome;
  }

  #identify(hello: Hello, { device, isNew }: { readonly device: DeviceRecord; readonly isNew: boolean }): Identity {
    this.counters[isNew ? 'enrolments' : 'sessions'] += 1;
    const maySubmit = device.role === 'operator' || (device.role === 'collaborator' && device.maySubmit);
    return { node: hello.node, role: device.role, maySubmit, welcome: { roots: this.#options.roots() } };
  }
}

/** Public ids, for the audit. */
interface About {
  token: string | undefined;
  device: string | undefined;
}
