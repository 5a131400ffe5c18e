import { isLoopback } from '../../network/address.js';
import { formatDuration } from '../units.js';

/** What a leader says once it listens. */
export interface Welcome {
  readonly leader: string;
  readonly cluster: string;
  /** `wss://host:port`, or `ws://…` in plaintext. */
  readonly address: string;
  /** Shown on a terminal only. */
  readonly invitation: { readonly token: string; readonly uses: number; readonly ttlMs: number } | undefined;
}

/** Lines for people: what to paste on another host, and how to do without a token on a command line. */
export function welcomeLines(welcome: Welcome): readonly string[] {
  const { leader, cluster, address } = welcome;
  const first = `leader '${leader}' of cluster '${cluster}' listens on ${address}`;
  if (address.startsWith('ws://')) {
    return [
      first,
      'PLAINTEXT: nothing is encrypted and nobody has to prove who he is. Every process on this host may join, read and',
      'answer. This is for benchmarks and debugging; without --plaintext it is safe.',
      `join it with:  netmgr join ${address}`,
    ];
  }
  const hostAndPort = address.replace(/^wss:\/\//, '');
  return [first, ...joinLines(hostAndPort, welcome), ...reachLines(hostAndPort)];
}

function joinLines(hostAndPort: string, { invitation }: Welcome): readonly string[] {
  if (invitation === undefined) {
    return [
      `join it with:  netmgr join ${hostAndPort} --token-file FILE`,
      "on this host:  netmgr join                  (needs no token; 'netmgr invite create' makes one for another host)",
    ];
  }
  const { token, uses, ttlMs } = invitation;
  return [
    `join it with:  netmgr join ${hostAndPort} --token ${token}`,
    'on this host:  netmgr join                  (needs no token)',
    `The token is good for ${uses} collaborators and ${formatDuration(ttlMs)}. To keep it off a command line: leave --token out and paste it`,
    'where join asks for it, or use --token-file FILE or NETMGR_TOKEN.',
  ];
}

const reachLines = (hostAndPort: string): readonly string[] =>
  isLoopback(hostAndPort) || hostAndPort.startsWith('localhost')
    ? ['(only this host reaches that address; without --bind it listens on all interfaces)']
    : [];
