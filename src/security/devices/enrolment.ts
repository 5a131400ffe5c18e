import type { NodeId } from '../../base/names.js';
import type { InviteRecord } from '../invites/invite-book.js';
import type { Invites } from '../invites/invites.js';
import type { JoinToken } from '../invites/join-token.js';
import { isName } from '../storage/book-entry.js';
import type { DeviceRecord } from './device-book.js';
import { verifySignature } from './device-key.js';
import { type Devices, deviceOf } from './devices.js';
import {
  badToken,
  evicted,
  leadersName,
  malformed,
  nameInUse,
  notStored,
  type Refused,
  tooManyDevices,
  unknownKey,
  usedUp,
  wrongName,
  wrongProof,
  wrongRole,
} from './refusals.js';
import { enrolProof, type SessionParts, sessionProof } from './session-proof.js';

export type Outcome = { readonly device: DeviceRecord; readonly isNew: boolean } | Refused;

/** What a connection says of itself: everything that a proof is about. */
export interface Claim extends SessionParts {
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

export interface EnrolmentOptions {
  readonly leader: NodeId;
  readonly invites: Invites;
  readonly devices: Devices;
}

/** Decides whether a key may hold a session, and makes devices of keys that have a token. */
export class Enrolment {
  readonly #leader: NodeId;
  readonly #invites: Invites;
  readonly #devices: Devices;

  constructor(options: EnrolmentOptions) {
    this.#leader = options.leader;
    this.#invites = options.invites;
    this.#devices = options.devices;
  }

  /** Whether the key is that of a device, evicted or not, stored or about to be. */
  isKnown(key: Uint8Array): boolean {
    return this.#devices.find(textOf(key)) !== undefined;
  }

  /** A device that is known proves itself. */
  async prove(claim: Claim): Promise<Outcome> {
    const known = await this.#stored(claim);
    return known ? this.#admit(known, claim, sessionProof(claim)) : unknownKey();
  }

  /**
   * A key that has a token becomes a device. A device that enrols once more, for it did not hear the answer, is let
   * in without a look at the token, which may be used up by then.
   * @returns once the device is stored
   */
  async enrol(claim: Claim, token: JoinToken): Promise<Outcome> {
    const proof = enrolProof({ ...claim, token: token.id });
    for (;;) {
      const known = await this.#stored(claim);
      if (known) return this.#admit(known, claim, proof);
      const invitation = this.#invites.check(token);
      if (typeof invitation === 'string') return badToken(invitation, token.id);
      if (!verifySignature(claim.key, proof, claim.signature)) return wrongProof();
      const obstacle = this.#obstacle(claim, invitation);
      if (obstacle === undefined) return this.#add(claim, invitation);
      if (obstacle !== 'wait') return obstacle;
      await this.#devices.settled();
    }
  }

  /** The device of the key, once it is known whether it could be stored. */
  async #stored({ key }: Claim): Promise<DeviceRecord | undefined> {
    const text = textOf(key);
    for (;;) {
      const record = this.#devices.find(text);
      const pending = record && this.#devices.pending(record);
      if (!pending) return record;
      await pending;
    }
  }

  /** Nothing is told before the proof is right. */
  #admit(device: DeviceRecord, claim: Claim, proof: Uint8Array): Outcome {
    const { node, role, key, signature } = claim;
    if (!verifySignature(key, proof, signature)) return wrongProof();
    if (device.evictedAt !== undefined) return evicted(device.name);
    if (device.role !== role) return wrongRole(role, `this key is enrolled as ${device.role}`);
    if (node === device.name) return { device, isNew: false };
    if (node === this.#leader) return leadersName(node);
    const holder = this.#devices.holder(node);
    if (holder && holder !== device) return nameInUse(node, deviceOf(holder));
    // A client may run several commands at once, each under a name of its own.
    const isSuffixed = device.role !== 'collaborator' && node.startsWith(`${device.name}.`);
    return isSuffixed ? { device, isNew: false } : wrongName(node, device);
  }

  /** Why this key cannot become a device; `wait`: another one may be getting what it wants, or may not. */
  #obstacle({ node, role }: Claim, invitation: InviteRecord): Refused | 'wait' | undefined {
    const { id, uses } = invitation;
    if (invitation.role !== role) return wrongRole(role, `the token ${id} is for the role ${invitation.role}`);
    if (!isName(node)) return malformed('the name is not one that a node may have');
    if (node === this.#leader) return leadersName(node);
    const holder = this.#devices.holder(node);
    if (holder) return this.#devices.isStored(holder) ? nameInUse(node, deviceOf(holder)) : 'wait';
    if (this.#devices.uses(id) >= uses) return usedUp(invitation);
    if (this.#devices.uses(id) + this.#devices.unstoredUses(id) >= uses) return 'wait';
    return this.#devices.isFull ? tooManyDevices() : undefined;
  }

  async #add({ key, node: name }: Claim, { id: invite, role, maySubmit }: InviteRecord): Promise<Outcome> {
    try {
      const device = await this.#devices.enrol({ key: textOf(key), name, role, maySubmit, invite });
      return { device, isNew: true };
    } catch (error) {
      return notStored(error);
    }
  }
}

const textOf = (key: Uint8Array): string => Buffer.from(key).toString('base64url');
