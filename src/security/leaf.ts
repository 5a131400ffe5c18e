import { X509Certificate } from 'node:crypto';

/** The leader's own certificate, and what it is served with. */
export interface Leaf {
  /** PEM, PKCS#8. A secret. */
  readonly key: string;
  /** PEM of the leaf alone. */
  readonly certificate: string;
  /** PEM as served: the leaf, the cross certificates, the authority's root last. */
  readonly chain: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The name that makes a certificate a leader's. */
export const leaderUri = (cluster: string): string => `${LEADER_URI}${cluster}`;
export const LEADER_URI = 'netmgr:leader:';

/** When it becomes and ceases to be valid, in milliseconds since the epoch. */
export const validityOf = (
  certificate: X509Certificate,
): { readonly notBefore: number; readonly notAfter: number } => ({
  notBefore: Date.parse(certificate.validFrom),
  notAfter: Date.parse(certificate.validTo),
});

export function makeLeaf(key: string, certificate: string, chain: string): Leaf {
  return { key, certificate, chain, ...validityOf(new X509Certificate(certificate)) };
}
