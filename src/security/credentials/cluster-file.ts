import type { X509Certificate } from 'node:crypto';
import { NetworkError } from '../../base/errors.js';
import { readCertificate } from '../certificates/pem.js';
import { writePrivateFile } from '../storage/private-file.js';

/** What a node knows of the cluster that took it in. */
export interface KnownCluster {
  readonly cluster: string;
  /** The leader's name. */
  readonly leader: string;
  /** PEM: the CA certificates of which one signs the leader's. */
  readonly roots: readonly string[];
}

const SCHEMA = 1;
/** A leader has four at most: its own and those that it replaced. */
const MAX_ROOTS = 16;

/** @throws NetworkError INVALID_OPTION if it is damaged, naming the path */
export function parseClusterFile(text: string, path: string): KnownCluster {
  const { schema, cluster, leader, roots } = fieldsOf(text);
  const certificates = readRoots(roots);
  if (schema === SCHEMA && typeof cluster === 'string' && typeof leader === 'string' && certificates) {
    return { cluster, leader, roots: certificates.map(String) };
  }
  const newer = typeof schema === 'number' && schema > SCHEMA;
  throw new NetworkError('INVALID_OPTION', `${path} is ${newer ? 'of a newer netmgr' : 'damaged'}`, {
    hint: newer ? 'Use that one.' : "Join again with a token (on the leader's host: netmgr invite create).",
  });
}

/** @throws NetworkError IO; what was there before is there still */
export function writeClusterFile(path: string, { cluster, leader, roots }: KnownCluster): void {
  writePrivateFile(path, `${JSON.stringify({ schema: SCHEMA, cluster, leader, roots }, undefined, 2)}\n`);
}

/** @returns undefined unless it is a list of 1 to 16 certificates in PEM */
export function readRoots(value: unknown): readonly X509Certificate[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_ROOTS) return undefined;
  const certificates = value.flatMap((pem) => (typeof pem === 'string' ? (readCertificate(pem) ?? []) : []));
  return certificates.length === value.length ? certificates : undefined;
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
