import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { NetworkError, toNetworkError } from '../../base/errors.js';
import { type Log, silentLog } from '../../base/log.js';
import type { NodeId, Role } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import { formatAddress } from '../../network/address.js';
import type { Credentials, CredentialsChannel, PeerLocation } from '../../network/credentials.js';
import { checkLeaderCertificate } from '../certificates/certificate-check.js';
import { readLeaderChain } from '../certificates/leader-chain.js';
import { fingerprintOf } from '../certificates/pem.js';
import { DeviceKey } from '../devices/device-key.js';
import { enrolProof, sessionProof } from '../devices/session-proof.js';
import { toBase32 } from '../invites/base32.js';
import { formatToken, type JoinToken, parseToken, publicName } from '../invites/join-token.js';
import { makePrivateDirectory, readPrivateFile, writePrivateFile } from '../storage/private-file.js';
import { type KnownCluster, parseClusterFile, readRoots, writeClusterFile } from './cluster-file.js';

export interface NodeCredentialsOptions {
  readonly node: NodeId;
  readonly role: Role;
  /** A join token: needed until a leader has taken the node in, and to go to another cluster. */
  readonly token?: string | undefined;
  /** Where the key and what is known of the cluster are kept; made if there is a token. @default in memory only */
  readonly directory?: string | undefined;
  readonly clock: Clock;
  readonly log?: Log | undefined;
}

const NONCE_BYTES = 32;

/**
 * A node's own side of TLS: whom it trusts, and how it proves who it is. With a token it trusts whoever has the
 * authority that the token names, and enrols its key there; once it was welcomed, it trusts the authority whose
 * certificates the leader gave it, and proves itself by its key.
 */
export class NodeCredentials implements Credentials {
  readonly #options: Omit<NodeCredentialsOptions, 'token'>;
  readonly #log: Log;
  readonly #key: DeviceKey | undefined;
  /** Until the leader has welcomed us. */
  #token: JoinToken | undefined;
  #known: KnownCluster | undefined;
  /** What the token's fingerprint belongs to. */
  #pinned: string | undefined;
  /** Whom we have reached, on the connection that is being made. */
  #peer: { readonly leaf: X509Certificate; readonly cluster: string } | undefined;
  /** Whether it has asked for our proof: one that lets in everybody has not taken our key in. */
  #answered = false;

  private constructor(options: NodeCredentialsOptions) {
    const { token, ...others } = options;
    this.#options = others;
    this.#log = options.log ?? silentLog;
    this.#token = token === undefined ? undefined : readToken(token, options.role);
    const { directory } = options;
    if (directory !== undefined && (this.#token || existsSync(directory))) makePrivateDirectory(directory);
    this.#key = this.#findKey();
    this.#known = this.#findCluster();
  }

  /**
   * Reads the directory; with a token, makes it and the key that it needs.
   * @throws NetworkError INVALID_OPTION: the token is none or for another role, a file is damaged, or others can use it; IO
   */
  static open(options: NodeCredentialsOptions): NodeCredentials {
    return new NodeCredentials(options);
  }

  /** Whether it can come back without a token: a leader has taken its key in. */
  get enrolled(): boolean {
    return this.#known !== undefined && this.#key !== undefined;
  }

  /** Public id of the key; undefined before there is one. */
  get device(): string | undefined {
    return this.#key?.id;
  }

  /** The cluster that it is enrolled in. */
  get cluster(): string | undefined {
    return this.enrolled ? this.#known?.cluster : undefined;
  }

  async roots(peer: PeerLocation, signal: AbortSignal): Promise<readonly string[]> {
    if (!this.#key) throw this.#nothingToShow();
    if (this.#known) return this.#known.roots;
    if (!this.#token) throw this.#nothingToShow();
    this.#pinned ??= await pin(peer, this.#token, signal);
    return [this.#pinned];
  }

  checkPeer(certificate: X509Certificate): void {
    this.#peer = undefined;
    this.#answered = false;
    // With a token we come to whichever cluster it is of; the roots see to that.
    const expected = this.#token ? undefined : this.#known?.cluster;
    const cluster = checkLeaderCertificate(certificate, this.#options.clock.wallNow(), expected);
    this.#peer = { leaf: certificate, cluster };
  }

  answer(challenge: NetworkMessage, channel: CredentialsChannel): void {
    const { binding, node, role } = channel;
    if (binding === undefined || !this.#key) {
      throw new NetworkError(
        'NOT_ALLOWED',
        'the peer wants a proof of who we are, but the connection is not over TLS',
        {
          hint: 'Dial the address of the TLS port.',
        },
      );
    }
    const parts = { nonce: nonceOf(challenge), role, node, binding };
    const token = this.#token;
    const proof = token ? enrolProof({ ...parts, token: token.id }) : sessionProof(parts);
    const answer = { key: textOf(this.#key.publicKey), signature: textOf(this.#key.sign(proof)) };
    if (token) channel.write('enrol', { token: formatToken(token), ...answer });
    else channel.write('prove', answer);
    this.#answered = true;
  }

  welcomed(greeting: Readonly<Record<string, unknown>>): void {
    if (!this.#peer) throw new NetworkError('INTERNAL', 'welcomed by a leader whose certificate was not checked');
    if (!this.#answered) return;
    const { leaf, cluster } = this.#peer;
    const leader = /^CN=(.*)$/m.exec(leaf.subject)?.[1] ?? '';
    const next = { cluster, leader, roots: this.#rootsOf(greeting, leaf) };
    if (JSON.stringify(next) !== JSON.stringify(this.#known)) this.#store(next);
    if (this.#token) this.#log.info({ ...this.#about(), token: publicName(this.#token), cluster, leader }, 'enrolled');
    this.#known = next;
    this.#token = undefined;
    this.#pinned = undefined;
  }

  /** What the leader says is to be trusted from now on, if it would let us come back to that leader. */
  #rootsOf(greeting: Readonly<Record<string, unknown>>, leaf: X509Certificate): readonly string[] {
    const before = this.#known?.roots ?? (this.#pinned === undefined ? [] : [this.#pinned]);
    if (greeting['roots'] === undefined) return before;
    const roots = readRoots(greeting['roots']);
    if (roots?.some((root) => leaf.checkIssued(root) && leaf.verify(root.publicKey))) return roots.map(String);
    this.#log.warn(
      this.#about(),
      'the certificates that the leader gave us are not its own: we keep those that we have',
    );
    return before;
  }

  /** To be taken in and not to be able to come back is a failure; to miss a new root is made good the next time. */
  #store(next: KnownCluster): void {
    const { directory } = this.#options;
    if (directory === undefined) return;
    try {
      writeClusterFile(join(directory, CLUSTER_FILE), next);
    } catch (thrown) {
      const error = toNetworkError(thrown, 'IO');
      if (this.#token || !this.#known) throw error;
      this.#log.warn({ ...this.#about(), error: error.message }, "the leader's new certificates cannot be stored");
    }
  }

  #findKey(): DeviceKey | undefined {
    const { directory } = this.#options;
    if (directory === undefined) return DeviceKey.generate();
    const path = join(directory, KEY_FILE);
    const found = readKey(path);
    if (found || !this.#token) return found;
    const made = DeviceKey.generate();
    // Another process of this node may be quicker; then its key is ours.
    if (writePrivateFile(path, made.toPem(), { ifAbsent: true })) return made;
    return readKey(path) ?? made;
  }

  #findCluster(): KnownCluster | undefined {
    const { directory } = this.#options;
    if (directory === undefined) return undefined;
    const path = join(directory, CLUSTER_FILE);
    const text = readPrivateFile(path);
    if (text === undefined) return undefined;
    const token = this.#token;
    let known: KnownCluster | undefined;
    try {
      known = parseClusterFile(text, path);
    } catch (thrown) {
      if (!token) throw thrown;
      this.#log.warn({ ...this.#about(), error: toNetworkError(thrown).message }, 'joining anew');
    }
    if (!known || !token || known.roots.some((root) => isOf(token, new X509Certificate(root)))) return known;
    const fields = { ...this.#about(), token: publicName(token), cluster: known.cluster };
    this.#log.warn(
      fields,
      'this node is enrolled in a cluster that the token is not of: it leaves that one for the other',
    );
    return undefined;
  }

  #nothingToShow(): NetworkError {
    const { directory, node } = this.#options;
    if (directory !== undefined && this.#known && !this.#key) {
      const what = `${join(directory, KEY_FILE)} is gone, by which the cluster "${this.#known.cluster}" knows this node`;
      return new NetworkError('NOT_ALLOWED', what, { hint: lostKeyHint(node) });
    }
    return new NetworkError('NOT_ALLOWED', `${node} has not joined this cluster yet, and has no token`, {
      hint: "Make one on the leader's host, netmgr invite create, and give it here: --token-file FILE, or NETMGR_TOKEN.",
    });
  }

  #about(): object {
    const { node, directory } = this.#options;
    return { node, device: this.#key?.id, ...(directory === undefined ? {} : { directory }) };
  }
}

const KEY_FILE = 'device.key';
const CLUSTER_FILE = 'cluster.json';

/** Dials without trust, and finds the authority that the token names. */
async function pin(peer: PeerLocation, token: JoinToken, signal: AbortSignal): Promise<string> {
  const { chain } = await readLeaderChain(peer, signal);
  const root = chain.find((certificate) => isOf(token, certificate));
  if (root) return root.toString();
  const last = chain.at(-1);
  const found = last ? `, not ${shortOf(fingerprintOf(last))}` : '';
  throw new NetworkError(
    'CLUSTER_MISMATCH',
    `${formatAddress({ kind: 'tcp', ...peer })} is not the leader that ${publicName(token)} is of: its fingerprint should be ${shortOf(token.fingerprint)}${found}`,
    {
      hint: "Check the address. If the leader was set up anew, or its authority rotated, make a new token on the leader's host: netmgr invite create",
    },
  );
}

const isOf = (token: JoinToken, certificate: X509Certificate): boolean =>
  fingerprintOf(certificate).every((byte, index) => byte === token.fingerprint[index]);

/** Enough of a fingerprint for people to compare. */
const shortOf = (fingerprint: Uint8Array): string => `${toBase32(fingerprint).slice(0, 12)}…`;

function readToken(text: string, role: Role): JoinToken {
  const token = parseToken(text);
  if (token.role === role) return token;
  throw new NetworkError('INVALID_OPTION', `${publicName(token)} is a token for the role ${token.role}, not ${role}`, {
    hint: `On the leader's host: netmgr invite create --role ${role}`,
  });
}

function readKey(path: string): DeviceKey | undefined {
  const pem = readPrivateFile(path);
  if (pem === undefined) return undefined;
  try {
    return DeviceKey.fromPem(pem);
  } catch {
    throw new NetworkError('INVALID_OPTION', `${path} is damaged: it holds no Ed25519 private key`, {
      hint: `Put back a copy of it. If there is none: remove it. ${lostKeyHint('NODE')}`,
    });
  }
}

const lostKeyHint = (node: string): string =>
  `On the leader's host: netmgr nodes forget ${node}, then netmgr invite create; and join with that token.`;

function nonceOf(challenge: NetworkMessage): Uint8Array {
  const payload = payloadOf(challenge);
  const nonce = typeof payload === 'object' && payload !== null ? (payload as { nonce?: unknown }).nonce : undefined;
  const bytes = typeof nonce === 'string' ? Buffer.from(nonce, 'base64url') : undefined;
  if (bytes?.length === NONCE_BYTES) return bytes;
  throw new NetworkError('INVALID_MESSAGE', `challenge.nonce must be ${NONCE_BYTES} bytes in base64url`);
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
