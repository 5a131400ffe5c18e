import type { NodeId, Role } from '../../base/names.js';

export interface SessionParts {
  /** What the leader asked with: 32 bytes. */
  readonly nonce: Uint8Array;
  readonly role: Role;
  readonly node: NodeId;
  /** SHA-256 of the leaf certificate's DER, as the signer saw it (RFC 5929 `tls-server-end-point`): 32 bytes. */
  readonly binding: Uint8Array;
}

export interface EnrolParts extends SessionParts {
  /** The id of the join token. */
  readonly token: string;
}

const encoder = new TextEncoder();

/** What a device signs for a session: good for this nonce, this name and this very certificate only. */
export const sessionProof = ({ nonce, role, node, binding }: SessionParts): Uint8Array =>
  lengthPrefixed(['netmgr session v1', nonce, role, node, binding]);

/** What a device signs when it enrols: that it has the private half of the key which is to be bound to the name. */
export const enrolProof = ({ nonce, role, node, binding, token }: EnrolParts): Uint8Array =>
  lengthPrefixed(['netmgr enrol v1', nonce, role, node, binding, token]);

/** Each part behind its length in bytes, 32 bits big-endian: no two lists of parts are the same bytes. */
function lengthPrefixed(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const chunks = parts.map((part) => (typeof part === 'string' ? encoder.encode(part) : part));
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + 4 + chunk.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const chunk of chunks) {
    view.setUint32(at, chunk.length);
    bytes.set(chunk, at + 4);
    at += 4 + chunk.length;
  }
  return bytes;
}
