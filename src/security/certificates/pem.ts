import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;

/** The blocks of a PEM text by what they hold; text around them is a comment. */
export function pemBlocks(text: string): { readonly keys: string[]; readonly certificates: string[] } {
  const keys: string[] = [];
  const certificates: string[] = [];
  for (const [block, label] of text.matchAll(BLOCK)) {
    if (label === 'CERTIFICATE') certificates.push(`${block}\n`);
    else if (label?.endsWith('PRIVATE KEY')) keys.push(`${block}\n`);
  }
  return { keys, certificates };
}

export const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** SHA-256 of the certificate's DER: what a token carries, and what a channel is bound to. */
export const fingerprintOf = (certificate: X509Certificate): Uint8Array => sha256(certificate.raw);

/** When it becomes and ceases to be valid, in milliseconds since the epoch. */
export const validityOf = (
  certificate: X509Certificate,
): { readonly notBefore: number; readonly notAfter: number } => ({
  notBefore: Date.parse(certificate.validFrom),
  notAfter: Date.parse(certificate.validTo),
});

/** DER, SubjectPublicKeyInfo. */
export const publicKeyOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

/** @returns undefined if it is none that can be read */
export const readKey = (pem: string): KeyObject | undefined => attempt(() => createPrivateKey(pem));

/** @returns undefined if it is none that can be read */
export const readCertificate = (pem: string): X509Certificate | undefined => attempt(() => new X509Certificate(pem));

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
