import { type ErrorCode, NetworkError } from '../../base/errors.js';
import type { NodeId, Role } from '../../base/names.js';
import type { RefusalReason } from '../audit/audit.js';
import type { InviteRecord } from '../invites/invite-book.js';
import type { InviteFault } from '../invites/invites.js';
import type { Device, DeviceRecord } from './device-book.js';

/** Somebody is not let in: why, for the books, and what he is told. */
export interface Refused {
  readonly reason: RefusalReason;
  readonly error: NetworkError;
}

const ASK_FOR_ONE = "ask for a new one: netmgr invite create, on the leader's host";

/** @param next what can be done about it; it travels with the message, for a peer sees nothing else */
function refused(reason: RefusalReason, code: ErrorCode, [what, next]: readonly [string, string?]): Refused {
  if (next === undefined) return { reason, error: new NetworkError(code, what) };
  return {
    reason,
    error: new NetworkError(code, `${what}; ${next}`, { hint: `${next.charAt(0).toUpperCase()}${next.slice(1)}` }),
  };
}

export const malformed = (rule: string): Refused => refused('malformed', 'INVALID_MESSAGE', [rule]);

export const noTls = (): Refused =>
  refused('no-tls', 'NOT_ALLOWED', ['devices prove themselves over TLS only', 'dial the address of the TLS port']);

export const wrongCluster = (ours: string, theirs: string): Refused =>
  refused('wrong-cluster', 'CLUSTER_MISMATCH', [
    `this is cluster ${ours}, not ${theirs}`,
    'dial the leader of that one',
  ]);

export const wrongProof = (): Refused =>
  refused('wrong-proof', 'NOT_ALLOWED', [
    'the signature is not one of this key for this connection, role and name',
    'dial the leader itself, not through anything that ends TLS',
  ]);

export const unknownKey = (): Refused =>
  refused('unknown-key', 'NOT_ALLOWED', [
    "the leader does not know this device's key: it was never enrolled here, or has been forgotten",
    `join with a token; ${ASK_FOR_ONE}`,
  ]);

export const evicted = (name: NodeId): Refused =>
  refused('evicted', 'EVICTED', [
    `an operator removed ${name} from the cluster, and its key is refused`,
    `to take it back: netmgr nodes forget ${name}, then join with a new key and token`,
  ]);

export const wrongRole = (asked: Role, has: string): Refused =>
  refused('wrong-role', 'NOT_ALLOWED', [`the role ${asked} is not granted: ${has}`]);

/** The device is enrolled under another name. */
export const wrongName = (asked: NodeId, { name, role }: DeviceRecord): Refused =>
  refused('wrong-name', 'NOT_ALLOWED', [
    `this key is enrolled as ${name}, not as ${asked}`,
    role === 'collaborator' ? `use the name ${name}` : `use the name ${name}, or one that begins with ${name}.`,
  ]);

/** The name belongs to another device, also to one that was removed. */
export const nameInUse = (name: NodeId, holder: Pick<Device, 'id' | 'name' | 'state'>): Refused =>
  refused('name-in-use', 'NAME_IN_USE', [
    `the name ${name} belongs to another device (${holder.id}${holder.state === 'active' ? '' : ', removed by an operator'})`,
    `choose another name; if that device is gone for good: netmgr nodes forget ${holder.name}`,
  ]);

export const leadersName = (name: NodeId): Refused =>
  refused('name-in-use', 'NAME_IN_USE', [`the name ${name} belongs to the leader itself`, 'choose another name']);

/** What is wrong with a token. Who does not have its secret learns nothing of it, not even that it exists. */
export function badToken(fault: InviteFault, id: string): Refused {
  const what = {
    'unknown-token': `the token ${id} is not valid at this leader`,
    'wrong-token': `the token ${id} is not valid at this leader`,
    'token-revoked': `the token ${id} was revoked`,
    'token-expired': `the token ${id} has expired`,
  };
  return refused(fault, 'NOT_ALLOWED', [what[fault], ASK_FOR_ONE]);
}

export const usedUp = ({ id, uses }: InviteRecord): Refused =>
  refused('token-used', 'NOT_ALLOWED', [
    `the token ${id} is used up: it was for ${uses === 1 ? 'one device' : `${uses} devices`}`,
    ASK_FOR_ONE,
  ]);

export const locked = (waitMs: number): Refused =>
  refused('locked', 'OVERLOADED', [
    `too many wrong credentials came from this address: nothing is looked at for another ${secondsOf(waitMs)} s`,
    'wait, then try again',
  ]);

export const tooManyDevices = (): Refused =>
  refused('full', 'OVERLOADED', [
    'the leader has as many devices as it can keep',
    'forget some that are gone: netmgr nodes forget NODE',
  ]);

/** The leader's files are nobody's business but the log's. */
export const notStored = (cause: unknown): Refused => {
  const { reason, error } = refused('storage', 'IO', [
    'the leader could not store the device: its disk may be full',
    'the token is not used up: try again once there is room',
  ]);
  return { reason, error: new NetworkError(error.code, error.message, { hint: error.hint, cause }) };
};

const secondsOf = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));
