import type { X509Certificate } from 'node:crypto';
import { NetworkError } from '../base/errors.js';
import { LEADER_URI, leaderUri, validityOf } from './leaf.js';

/** Extended key usage: TLS server. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ALT_NAME = /(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)/gy;

/**
 * Whether a certificate, whose chain was verified elsewhere, is that of a cluster's leader, and valid now.
 * @param now milliseconds since the epoch
 * @param cluster the one that it must be of; any if absent
 * @returns the cluster that it names
 * @throws NetworkError NOT_ALLOWED saying what is wrong, CLUSTER_MISMATCH
 */
export function checkLeaderCertificate(leaf: X509Certificate, now: number, cluster?: string): string {
  const uri = altNames(leaf).find((name) => name.type === 'URI' && name.value.startsWith(LEADER_URI));
  if (uri === undefined || leaf.ca || !leaf.keyUsage?.includes(SERVER_AUTH)) {
    throw new NetworkError('NOT_ALLOWED', `the peer's certificate (${subject(leaf)}) is not that of a leader`, {
      hint: 'Check the address: something else answers there, or someone poses as the leader.',
    });
  }
  const named = uri.value.slice(LEADER_URI.length);
  if (cluster !== undefined && uri.value !== leaderUri(cluster)) {
    throw new NetworkError('CLUSTER_MISMATCH', `the leader there is that of the cluster "${named}", not "${cluster}"`, {
      hint: 'Check the address, or use a token of that cluster.',
    });
  }
  checkValidity(leaf, now);
  return named;
}

/**
 * @param now milliseconds since the epoch
 * @throws NetworkError NOT_ALLOWED naming the certificate's time and this machine's
 */
export function checkValidity(certificate: X509Certificate, now: number): void {
  const { notBefore, notAfter } = validityOf(certificate);
  const clock = `this machine's clock says ${time(now)}`;
  if (now < notBefore) {
    throw new NetworkError(
      'NOT_ALLOWED',
      `the certificate of ${subject(certificate)} is valid from ${time(notBefore)}, but ${clock}`,
      { hint: "One of the two clocks is wrong: compare this machine's with the leader's (date -u), and set it right." },
    );
  }
  if (now > notAfter) {
    throw new NetworkError(
      'NOT_ALLOWED',
      `the certificate of ${subject(certificate)} was valid until ${time(notAfter)}, but ${clock}`,
      {
        hint: "Compare this machine's clock with the leader's (date -u). If it is right, the leader did not renew its certificate: see its log.",
      },
    );
  }
}

/**
 * Node writes them in one line, and in quotes what could be taken for more than one name.
 * https://nodejs.org/api/crypto.html#x509subjectaltname
 */
function altNames(certificate: X509Certificate): { readonly type: string; readonly value: string }[] {
  const names = (certificate.subjectAltName ?? '').matchAll(ALT_NAME);
  return Array.from(names, ([, type = '', value = '']) => ({ type, value }));
}

const subject = (certificate: X509Certificate): string => certificate.subject?.replaceAll('\n', ', ') ?? 'nobody';

/** To the second, as certificates have it. */
const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
