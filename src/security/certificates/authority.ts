import { type KeyObject, X509Certificate } from 'node:crypto';
import { NetworkError } from '../../base/errors.js';
import { NODE_NAME, type NodeId } from '../../base/names.js';
import { type Random, systemRandom } from '../../base/random.js';
import {
  BACKDATE_MS,
  type CertificateRequest,
  generateKey,
  makeCertificate,
  type Subject,
} from './certificate-maker.js';
import { certificateHosts, leaderUri } from './certificate-names.js';
import { type Leaf, makeLeaf } from './leaf.js';
import { fingerprintOf, pemBlocks, publicKeyOf, readCertificate, readKey, sha256, validityOf } from './pem.js';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
const LEAF_DAYS = 90;
/** How often the authority may be replaced until a node that was away all the time must be invited again. */
const MAX_PREDECESSORS = 3;

export interface AuthorityOptions {
  readonly cluster: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** For serial numbers; keys always come from the machine. @default systemRandom */
  readonly random?: Random | undefined;
}

export interface LeafOptions extends AuthorityOptions {
  readonly leader: NodeId;
  /** Host names and IP addresses beside `localhost`, `127.0.0.1` and `::1`. */
  readonly names: readonly string[];
  /** How long it is valid from `now`. @default 90 days */
  readonly lifetimeMs?: number | undefined;
}

interface Parts {
  readonly key: KeyObject;
  /** This authority's own certificate, self-signed: PEM. */
  readonly root: string;
  /** Certificates of this key and its predecessors', each signed by the one before; newest first. */
  readonly crosses: readonly string[];
  /** The roots before this one, newest first. */
  readonly predecessors: readonly string[];
}

/**
 * A cluster's own certificate authority: it vouches for the leader and for nobody else. A value: `rotate` makes
 * another one. Whoever has its key can pose as the leader.
 */
export class Authority {
  readonly #parts: Parts;
  readonly #root: X509Certificate;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#root = new X509Certificate(parts.root);
  }

  /** A new key and its certificate, valid for ten years. */
  static async create(options: AuthorityOptions): Promise<Authority> {
    checkName('cluster', options.cluster);
    const key = generateKey();
    const subject = subjectOf(key, options.cluster);
    const notAfter = options.now + AUTHORITY_DAYS * DAY_MS;
    const root = await makeCertificate({ ...signed(key, subject, options), ...issuedTo(key, subject), notAfter });
    return new Authority({ key, root, crosses: [], predecessors: [] });
  }

  /**
   * Reads what `toPem` wrote.
   * @throws NetworkError INVALID_OPTION that says which part is missing or damaged
   */
  static fromPem(text: string): Authority {
    const { keys, certificates } = pemBlocks(text);
    const read = certificates.map((pem) => ({ pem, certificate: readCertificate(pem) }));
    const roots = read.filter(({ certificate }) => certificate?.checkIssued(certificate));
    const [root, ...predecessors] = roots.map(({ pem }) => pem);
    if (root === undefined) throw damaged("the authority's certificate is missing");
    if (read.some(({ certificate }) => certificate === undefined)) throw damaged('a certificate cannot be read');
    const [pem] = keys;
    if (pem === undefined) throw damaged("the authority's private key is missing");
    const key = readKey(pem);
    if (key === undefined) throw damaged("the authority's private key cannot be read");
    if (!new X509Certificate(root).checkPrivateKey(key)) {
      throw damaged("the private key is not that of the authority's certificate");
    }
    const crosses = read.filter((each) => !roots.includes(each)).map((each) => each.pem);
    return new Authority({ key, root, crosses, predecessors });
  }

  /** Everything, its private key included. A secret. */
  toPem(): string {
    const { root, crosses, predecessors } = this.#parts;
    return [this.#keyPem(), root, ...crosses, ...predecessors].join('');
  }

  /** Its own certificate, self-signed: PEM. */
  get certificate(): string {
    return this.#parts.root;
  }

  /** SHA-256 of its certificate's DER: what a join token carries. 32 bytes. */
  get fingerprint(): Uint8Array {
    return fingerprintOf(this.#root);
  }

  /** PEM: its own certificate first, then those of its predecessors, newest first. */
  get roots(): readonly string[] {
    return [this.#parts.root, ...this.#parts.predecessors];
  }

  /** Which cluster it is for. */
  get cluster(): string {
    return /^OU=(.*)$/m.exec(this.#root.subject)?.[1] ?? '';
  }

  /** Milliseconds since the epoch. */
  get notBefore(): number {
    return validityOf(this.#root).notBefore;
  }

  get notAfter(): number {
    return validityOf(this.#root).notAfter;
  }

  /** Whether it signed the certificate, as a leaf of its own. */
  signed(certificate: X509Certificate): boolean {
    return certificate.checkIssued(this.#root) && certificate.verify(this.#root.publicKey);
  }

  /**
   * A certificate for the leader, with a new key, valid for 90 days but not longer than the authority.
   * @throws NetworkError INVALID_OPTION for a name that cannot stand in a certificate
   */
  async issueLeaf(options: LeafOptions): Promise<Leaf> {
    const { cluster, leader, now } = options;
    checkName('cluster', cluster);
    checkName('leader', leader);
    const key = generateKey();
    const certificate = await makeCertificate({
      ...signed(this.#parts.key, subjectOf(this.#parts.key, this.cluster), options),
      ...issuedTo(key, { cluster, name: leader }),
      notAfter: Math.min(now + (options.lifetimeMs ?? LEAF_DAYS * DAY_MS), this.notAfter),
      use: { uris: [leaderUri(cluster)], hosts: certificateHosts(options.names) },
    });
    return makeLeaf(pemOf(key), certificate, this.serve(certificate));
  }

  /**
   * The leaf with what a peer needs to get from it to a root. The cross certificates come before the root: OpenSSL
   * takes the first certificate that fits, and a peer that knows only an older root must not be led to the new one.
   */
  serve(certificate: string): string {
    return [certificate, ...this.#parts.crosses, this.#parts.root].join('');
  }

  /**
   * The authority's successor: a new key with its own certificate, and one by which this authority vouches for it,
   * so that peers that know only this one still get to the leader. This one's key is not kept.
   */
  async rotate(now: number, random: Random = systemRandom): Promise<Authority> {
    const options = { cluster: this.cluster, now, random };
    const next = await Authority.create(options);
    const { key, root } = next.#parts;
    const cross = await makeCertificate({
      ...signed(this.#parts.key, subjectOf(this.#parts.key, this.cluster), options),
      ...issuedTo(key, subjectOf(key, this.cluster)),
      notAfter: Math.min(next.notAfter, this.notAfter),
    });
    const crosses = [cross, ...this.#parts.crosses].slice(0, MAX_PREDECESSORS);
    return new Authority({ key, root, crosses, predecessors: this.roots.slice(0, MAX_PREDECESSORS) });
  }

  #keyPem(): string {
    return pemOf(this.#parts.key);
  }
}

/** Another one for each key: a path must not run in a circle between two authorities of one name. */
function subjectOf(key: KeyObject, cluster: string): Subject {
  return { cluster, name: `netmgr authority ${sha256(publicKeyOf(key)).toString('hex').slice(0, 16)}` };
}

function signed(issuerKey: KeyObject, issuer: Subject, { now, random = systemRandom }: AuthorityOptions) {
  return { issuerKey, issuer, notBefore: now - BACKDATE_MS, random };
}

function issuedTo(key: KeyObject, subject: Subject) {
  return { publicKey: publicKeyOf(key), subject, use: 'authority' as CertificateRequest['use'] };
}

const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

function checkName(field: string, name: string): void {
  if (NODE_NAME.test(name)) return;
  throw new NetworkError('INVALID_OPTION', `${field}: ${JSON.stringify(name)} does not match ${NODE_NAME.source}`);
}

const damaged = (what: string): NetworkError => new NetworkError('INVALID_OPTION', what);
