import { generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type * as x509 from '@peculiar/x509';
import { integer, type Random } from '../../base/random.js';
import { publicKeyOf } from './pem.js';

/** Certificates and keys alike: P-256 with SHA-256, which every TLS 1.3 peer knows. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const SERIAL_BYTES = 16;

/** How far certificates are dated back, in milliseconds, for clocks that are a little behind. */
export const BACKDATE_MS: number = 300_000;

export interface CertificateRequest {
  readonly subject: Subject;
  /** Whose certificate it is: DER, SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly issuer: Subject;
  readonly issuerKey: KeyObject;
  /** Milliseconds since the epoch; certificates know whole seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** An authority's; or for a server with these names. */
  readonly use: 'authority' | { readonly uris: readonly string[]; readonly hosts: readonly string[] };
  readonly random: Random;
}

/** The parts of a distinguished name, each at most 64 characters. */
export interface Subject {
  readonly cluster: string;
  readonly name: string;
}

export const generateKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** @returns PEM */
export async function makeCertificate(request: CertificateRequest): Promise<string> {
  const library = await loadLibrary();
  const certificate = await library.X509CertificateGenerator.create({
    serialNumber: serial(request.random),
    subject: nameOf(request.subject),
    issuer: nameOf(request.issuer),
    notBefore: new Date(request.notBefore),
    notAfter: new Date(request.notAfter),
    publicKey: request.publicKey,
    signingKey: await signingKeyOf(request.issuerKey),
    signingAlgorithm: { ...ALGORITHM, hash: 'SHA-256' },
    extensions: await extensionsOf(library, request),
  });
  return `${certificate.toString('pem')}\n`;
}

/** Only when a certificate is made: the library costs 150 ms, and most commands make none. */
async function loadLibrary(): Promise<typeof x509> {
  // Its container of classes refuses to load without this polyfill.
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

async function extensionsOf(library: typeof x509, request: CertificateRequest): Promise<x509.Extension[]> {
  const { KeyUsageFlags } = library;
  const issuer = publicKeyOf(request.issuerKey);
  const identifiers = [
    await library.SubjectKeyIdentifierExtension.create(request.publicKey),
    await library.AuthorityKeyIdentifierExtension.create(issuer),
  ];
  if (request.use === 'authority') {
    return [
      // No path length: after several rotations one authority vouches for the next, in a row.
      new library.BasicConstraintsExtension(true, undefined, true),
      new library.KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ...identifiers,
    ];
  }
  const { uris, hosts } = request.use;
  return [
    new library.BasicConstraintsExtension(false, undefined, true),
    new library.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new library.ExtendedKeyUsageExtension([library.ExtendedKeyUsage.serverAuth], false),
    ...identifiers,
    new library.SubjectAlternativeNameExtension([
      ...uris.map((value) => ({ type: 'url' as const, value })),
      ...hosts.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
    ]),
  ];
}

const nameOf = ({ cluster, name }: Subject): x509.JsonName => [{ O: ['netmgr'] }, { OU: [cluster] }, { CN: [name] }];

const signingKeyOf = (key: KeyObject): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), ALGORITHM, false, ['sign']);

function serial(random: Random): string {
  const bytes = Uint8Array.from({ length: SERIAL_BYTES }, () => integer(random, 256));
  return Buffer.from(bytes).toString('hex');
}
