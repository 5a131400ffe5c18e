import { X509Certificate } from 'node:crypto';
import type { NodeId } from '../../base/names.js';
import type { Authority } from './authority.js';
import { certificateHosts, hostsOf, leaderClusterOf } from './certificate-names.js';
import type { Leaf } from './leaf.js';

/** What a leaf has to be for. */
export interface LeafPurpose {
  readonly cluster: string;
  readonly leader: NodeId;
  readonly names: readonly string[];
}

interface Judgement extends LeafPurpose {
  readonly authority: Authority;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Why the leaf will not do for that authority and that purpose at that time; undefined if it will. */
export function unfit(leaf: Leaf, { authority, now, ...purpose }: Judgement): string | undefined {
  const certificate = new X509Certificate(leaf.certificate);
  if (!authority.signed(certificate)) return "it is not of this cluster's authority";
  if (leaf.chain !== authority.serve(leaf.certificate)) return 'it comes without its chain';
  if (leaderClusterOf(certificate) !== purpose.cluster) return 'it is for another cluster';
  if (certificate.subject.split('\n').at(-1) !== `CN=${purpose.leader}`) return 'it is for a leader of another name';
  if (!sameNames(hostsOf(certificate), certificateHosts(purpose.names))) return 'the names of the leader changed';
  if (now < leaf.notBefore) return "it is not valid yet by this machine's clock";
  if (now >= leaf.notAfter) return 'it has expired';
  return undefined;
}

const sameNames = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((name) => others.includes(name));
