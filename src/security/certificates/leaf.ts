import { X509Certificate } from 'node:crypto';
import { pemBlocks, readCertificate, readKey, validityOf } from './pem.js';

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

export function makeLeaf(key: string, certificate: string, chain: string): Leaf {
  return { key, certificate, chain, ...validityOf(new X509Certificate(certificate)) };
}

/** As it is kept: its key, then what is served. A secret. */
export const leafToPem = (leaf: Leaf): string => `${leaf.key}${leaf.chain}`;

/** Reads what `leafToPem` wrote. @returns undefined if it is damaged */
export function leafFromPem(text: string): Leaf | undefined {
  const { keys, certificates } = pemBlocks(text);
  const key = readKey(keys[0] ?? '');
  const certificate = readCertificate(certificates[0] ?? '');
  if (key === undefined || !certificate?.checkPrivateKey(key)) return undefined;
  return makeLeaf(keys[0] ?? '', certificates[0] ?? '', certificates.join(''));
}
