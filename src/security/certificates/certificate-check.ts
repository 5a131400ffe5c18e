import type { X509Certificate } from 'node:crypto';
import { NetworkError } from '../../base/errors.js';
import { leaderClusterOf } from './certificate-names.js';
import { validityOf } from './pem.js';

/** Extended key usage: TLS server. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/**
 * Whether a certificate, whose chain was verified elsewhere, is that of a cluster's leader, and valid now.
 * @param now milliseconds since the epoch
 * @param cluster the one that it must be of; any if absent
 * @returns the cluster that it names
 * @throws NetworkError NOT_ALLOWED saying what is wrong, both times if it is the time; CLUSTER_MISMATCH
 */
export function checkLeaderCertificate(leaf: X509Certificate, now: number, cluster?: string): string {
  const subject = leaf.subject?.replaceAll('\n', ', ') ?? 'without a subject';
  const named = leaderClusterOf(leaf);
  if (named === undefined || leaf.ca || !leaf.keyUsage?.includes(SERVER_AUTH)) {
    throw new NetworkError('NOT_ALLOWED', `the peer's certificate (${subject}) is not that of a leader`, {
      hint: 'Check the address: something else answers there, or someone poses as the leader.',
    });
  }
  if (cluster !== undefined && named !== cluster) {
    throw new NetworkError('CLUSTER_MISMATCH', `the leader there is that of the cluster "${named}", not "${cluster}"`, {
      hint: 'Check the address, or join with a token of that cluster.',
    });
  }
  const problem = timeProblem(validityOf(leaf), now);
  if (problem === undefined) return named;
  throw new NetworkError('NOT_ALLOWED', `the leader's certificate (${subject}) ${problem}`, {
    hint: "Compare this machine's clock with the leader's (date -u), and set right the one that is wrong. If both are right, the leader's log tells why it did not renew its certificate.",
  });
}

/**
 * What is wrong with the time, for a sentence that begins with the certificate; undefined if nothing is.
 * @param validity milliseconds since the epoch, as `now`
 */
export function timeProblem(
  { notBefore, notAfter }: { readonly notBefore: number; readonly notAfter: number },
  now: number,
): string | undefined {
  if (now < notBefore) return `is valid from ${time(notBefore)}, but this machine's clock says ${time(now)}`;
  if (now > notAfter) return `was valid until ${time(notAfter)}, but this machine's clock says ${time(now)}`;
  return undefined;
}

/** To the second, as certificates have it. */
const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
