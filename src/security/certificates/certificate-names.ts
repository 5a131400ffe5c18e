import type { X509Certificate } from 'node:crypto';
import { isIP, isIPv6, SocketAddress } from 'node:net';
import { NetworkError } from '../../base/errors.js';

const MAX_NAMES = 100;
const HOST_NAME =
  /^(?=.{1,253}$)(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;
/** By these the leader's own host reaches it. */
const LOCAL_NAMES = ['localhost', '127.0.0.1', '::1'];

/** The name that makes a certificate a leader's. */
export const leaderUri = (cluster: string): string => `${LEADER_URI}${cluster}`;
const LEADER_URI = 'netmgr:leader:';

/** Whether it can stand in a certificate: an IP address or a host name. */
export const isCertificateName = (name: string): boolean => isIP(name) !== 0 || HOST_NAME.test(name);

/**
 * These and the names of the leader's own host, each once.
 * @throws NetworkError INVALID_OPTION naming the one that cannot stand in a certificate
 */
export function certificateHosts(names: readonly string[]): string[] {
  const wrong = names.find((name) => !isCertificateName(name));
  if (wrong !== undefined) {
    throw new NetworkError('INVALID_OPTION', `names: ${JSON.stringify(wrong)} is no host name and no IP address`);
  }
  const hosts = [...new Set([...names, ...LOCAL_NAMES].map(plain))];
  if (hosts.length > MAX_NAMES) {
    throw new NetworkError('INVALID_OPTION', `names: at most ${MAX_NAMES} fit into a certificate, not ${hosts.length}`);
  }
  return hosts;
}

/** The cluster whose leader the certificate names; undefined if it is not a leader's. */
export function leaderClusterOf(certificate: X509Certificate): string | undefined {
  const uri = altNames(certificate).find(({ type, value }) => type === 'URI' && value.startsWith(LEADER_URI));
  return uri?.value.slice(LEADER_URI.length);
}

/** The host names and addresses that it names, as `certificateHosts` writes them. */
export const hostsOf = (certificate: X509Certificate): string[] =>
  altNames(certificate)
    .filter(({ type }) => type === 'DNS' || type === 'IP Address')
    .map(({ value }) => plain(value));

/** One way to write each. */
const plain = (host: string): string =>
  isIPv6(host) ? new SocketAddress({ address: host, family: 'ipv6' }).address : host.toLowerCase();

/** Node writes them in one line, with a comma between two only: https://nodejs.org/api/crypto.html#x509subjectaltname */
function altNames(certificate: X509Certificate): { readonly type: string; readonly value: string }[] {
  return (certificate.subjectAltName ?? '').split(', ').map((name) => {
    const colon = name.indexOf(':');
    return { type: name.slice(0, colon), value: name.slice(colon + 1) };
  });
}
