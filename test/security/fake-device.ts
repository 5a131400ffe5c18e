import { randomBytes } from 'node:crypto';
import { NetworkError } from '../../src/base/errors.js';
import type { Role } from '../../src/base/names.js';
import type { NetworkMessage } from '../../src/message/message.js';
import type { AuthenticationChannel, Authenticator, Hello, Identity } from '../../src/network/authenticator.js';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { enrolProof, sessionProof } from '../../src/security/devices/session-proof.js';
import { parseToken } from '../../src/security/invites/join-token.js';

/** The leader's certificate, as both sides see it unless a test says otherwise. */
export const BINDING: Uint8Array = randomBytes(32);

export interface Dial {
  readonly node?: string | undefined;
  readonly role?: Role | undefined;
  readonly cluster?: string | undefined;
  readonly address?: string | undefined;
  /** Enrols with it; otherwise proves. */
  readonly token?: string | undefined;
  readonly key?: DeviceKey | undefined;
  /** What the device signs differs from what the listener sees. */
  readonly signs?:
    | Partial<{ nonce: Uint8Array; role: Role; node: string; binding: Uint8Array; token: string }>
    | undefined;
  readonly transport?: AuthenticationChannel['transport'] | undefined;
  readonly binding?: Uint8Array | undefined;
  /** Says this instead. */
  readonly answer?: ((nonce: Uint8Array) => Partial<NetworkMessage>) | undefined;
}

export const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** A device that dials, with the transport left out. */
export function dial(authenticator: Authenticator, options: Dial = {}): Promise<Identity> {
  const { node = 'w1', role = 'collaborator', address = '192.0.2.7:50122', transport = 'tls' } = options;
  let nonce: Uint8Array | undefined;
  const channel: AuthenticationChannel = {
    transport,
    address,
    binding: 'binding' in options ? options.binding : BINDING,
    read: async () => {
      if (!nonce) throw new NetworkError('CLOSED', 'read before the challenge');
      return message(node, (options.answer ?? ((given) => answerOf(given, { ...options, node, role })))(nonce));
    },
    write: (verb, payload) => {
      if (verb !== 'challenge') throw new Error(`unexpected ${verb}`);
      nonce = Buffer.from((payload as { nonce: string }).nonce, 'base64url');
    },
  };
  const hello: Hello = { node, role, cluster: options.cluster, instance: 'abc', version: '0.0.0', greeting: {} };
  return authenticator.authenticate(hello, channel);
}

/** What a right device answers. */
export function answerOf(nonce: Uint8Array, options: Dial & { node: string; role: Role }): Partial<NetworkMessage> {
  const { node, role, token, key = DeviceKey.generate(), signs = {} } = options;
  const parts = { nonce, role, node, binding: BINDING, ...signs };
  const common = { key: base64url(key.publicKey) };
  if (token === undefined) {
    return { type: 'prove', payload: { ...common, signature: base64url(key.sign(sessionProof(parts))) } };
  }
  const proof = enrolProof({ token: parseToken(token).id, ...parts });
  return { type: 'enrol', payload: { token, ...common, signature: base64url(key.sign(proof)) } };
}

const message = (from: string, parts: Partial<NetworkMessage>): NetworkMessage => ({
  v: 1,
  id: 'abc-1',
  kind: 'control',
  type: 'prove',
  from,
  ts: 0,
  ...parts,
});
