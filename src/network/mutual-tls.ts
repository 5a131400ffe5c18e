import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { type ConnectionOptions, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { messageOf, NetworkError } from '../base/errors.js';
import { NODE_NAME, type NodeId } from '../base/names.js';

/** What a node of a mesh shows, and whom it believes. Everything is PEM. */
export interface MutualTlsOptions {
  /** The private key of `cert`. */
  readonly key: string | Uint8Array;
  /** The certificate of this node, and after it those that lead from it to one in `ca`. */
  readonly cert: string | Uint8Array;
  /** The authorities that sign the certificates of all nodes; no others are believed. */
  readonly ca: string | Uint8Array;
}

/** What `https.createServer` and `tls.createServer` are given. */
export interface MutualTlsServerOptions {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
  readonly minVersion: 'TLSv1.3';
  readonly requestCert: true;
  readonly rejectUnauthorized: boolean;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
/** Longer chains are not looked at. */
const MAX_CHAIN = 16;

/**
 * TLS 1.3 between nodes that each have a certificate of one authority: both ends show theirs, and each is valid for the
 * name of its node, which is one of its DNS names (subject alternative names) or its common name. Host names and
 * addresses mean nothing: a node may be reached by any.
 */
export class MutualTls {
  /** Of both sides. */
  readonly context: SecureContext;
  readonly #pem: { readonly key: string; readonly cert: string; readonly ca: string };

  /**
   * @param now milliseconds since the epoch
   * @throws NetworkError INVALID_OPTION naming the field: no PEM, a key of another certificate, a certificate that is
   *   for another node, that is not valid at this time, or that none of `ca` has signed
   */
  constructor(self: NodeId, options: MutualTlsOptions, now: number) {
    const pem = { key: textOf(options.key), cert: textOf(options.cert), ca: textOf(options.ca) };
    const key = keyOf(pem.key);
    const chain = certificatesOf('tls.cert', pem.cert);
    const [leaf] = chain as [X509Certificate];
    if (!leaf.checkPrivateKey(key)) throw invalid('tls.key', 'it is not the key of tls.cert');
    checkName(leaf, self);
    checkTime(leaf, now);
    checkChain(chain, certificatesOf('tls.ca', pem.ca));
    this.#pem = pem;
    try {
      this.context = createSecureContext({ ...pem, minVersion: 'TLSv1.3' });
    } catch (error) {
      throw invalid('tls', messageOf(error));
    }
  }

  /** @param optional whether a peer without a certificate of the authority may go on; `namesOf` tells which is which */
  server(optional = false): MutualTlsServerOptions {
    return { ...this.#pem, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: !optional };
  }

  /** What a connection to that node is made with. Sessions must not be resumed: the certificate is looked at each time. */
  client(node: NodeId, host: string): ConnectionOptions {
    return {
      secureContext: this.context,
      // A server name must not be an address.
      servername: isIP(host) === 0 ? host : '',
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      checkServerIdentity: (_host, peer) => wrongNode(node, new X509Certificate(peer.raw)),
    };
  }
}

/**
 * The node names in the certificate that the peer has proved to have the key of, and that the authority has signed;
 * none if it has shown no such certificate. Of sockets of a `tls.Server`, or of `tls.connect`.
 */
export function provedNames(socket: TLSSocket): ReadonlySet<NodeId> {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  return certificate === undefined ? NONE : namesOf(certificate);
}

const NONE: ReadonlySet<NodeId> = new Set();

/** The node names that a certificate is valid for, the common name first. */
export function namesOf(certificate: X509Certificate): ReadonlySet<NodeId> {
  const { CN } = certificate.toLegacyObject().subject as { readonly CN?: string | readonly string[] };
  const common = typeof CN === 'string' ? [CN] : (CN ?? []);
  return new Set([...common, ...dnsNames(certificate.subjectAltName ?? '')].filter((name) => NODE_NAME.test(name)));
}

/** One name of the list that Node makes of them: `TYPE:VALUE, TYPE:"VALUE WITH A COMMA"`. */
const ALT_NAME = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/** The text is read from its beginning, name by name, so that a quoted one cannot pass for two. */
function dnsNames(list: string): NodeId[] {
  const names: NodeId[] = [];
  ALT_NAME.lastIndex = 0;
  for (let match = ALT_NAME.exec(list); match; match = ALT_NAME.exec(list)) {
    if (match[1] === 'DNS' && match[2] !== undefined) names.push(match[2].toLowerCase());
    if (ALT_NAME.lastIndex === list.length) break;
  }
  return names;
}

function wrongNode(node: NodeId, certificate: X509Certificate): NetworkError | undefined {
  const names = namesOf(certificate);
  if (names.has(node)) return undefined;
  return new NetworkError('CLUSTER_MISMATCH', `its certificate is for ${listed(names)}, not for ${node}`, { node });
}

function checkName(leaf: X509Certificate, self: NodeId): void {
  const names = namesOf(leaf);
  if (names.has(self)) return;
  throw invalid('tls.cert', `it is for ${listed(names)}, not for ${self}: a DNS name or the common name has to be it`);
}

const listed = (names: ReadonlySet<NodeId>): string => (names.size === 0 ? 'no node' : [...names].join(', '));

function checkTime(leaf: X509Certificate, now: number): void {
  if (now < Date.parse(leaf.validFrom)) throw invalid('tls.cert', `it is valid from ${leaf.validFrom} on, not yet`);
  if (now > Date.parse(leaf.validTo)) throw invalid('tls.cert', `it was valid until ${leaf.validTo}`);
}

function checkChain(chain: readonly X509Certificate[], authorities: readonly X509Certificate[]): void {
  let at = chain[0] as X509Certificate;
  for (let length = 0; length < MAX_CHAIN; length += 1) {
    if (issuerIn(authorities, at)) return;
    const next = issuerIn(chain, at);
    if (next === undefined || next === at) break;
    at = next;
  }
  throw invalid('tls.cert', 'no certificate of tls.ca has signed it');
}

const issuerIn = (certificates: readonly X509Certificate[], issued: X509Certificate): X509Certificate | undefined =>
  certificates.find((issuer) => issued.checkIssued(issuer) && issued.verify(issuer.publicKey));

const textOf = (pem: string | Uint8Array): string => (typeof pem === 'string' ? pem : Buffer.from(pem).toString());

function keyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw invalid('tls.key', `it is no private key in PEM that can be read (${messageOf(error)})`);
  }
}

function certificatesOf(field: string, pem: string): X509Certificate[] {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw invalid(field, 'there is no certificate in PEM in it');
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw invalid(field, `a certificate in it cannot be read (${messageOf(error)})`);
  }
}

const invalid = (field: string, problem: string): NetworkError =>
  new NetworkError('INVALID_OPTION', `${field}: ${problem}`);
