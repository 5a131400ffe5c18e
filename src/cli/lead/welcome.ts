import { isLoopback } from '../../network/address.js';
import { formatDuration } from '../units.js';
import { wrapWords } from '../wrap.js';

/** What a leader says once it listens. */
export interface Welcome {
  readonly leader: string;
  readonly cluster: string;
  /** `wss://host:port`, or `ws://…` in plaintext. */
  readonly address: string;
  /** Shown on a terminal only. */
  readonly invitation: { readonly token: string; readonly uses: number; readonly ttlMs: number } | undefined;
  /** Characters in a line of the terminal; undefined if it is none. */
  readonly width: number | undefined;
}

const PLAINTEXT =
  'PLAINTEXT: nothing is encrypted and nobody has to prove who he is. Every process on this host may join, read and answer. This is for benchmarks and debugging; without --plaintext it is safe.';

/** Lines for people: what to paste on another host, and how to do without a token on a command line. */
export function welcomeLines(welcome: Welcome): readonly string[] {
  const { leader, cluster, address, width } = welcome;
  const first = wrapWords(`leader '${leader}' of cluster '${cluster}' listens on ${address}`, width);
  if (address.startsWith('ws://')) {
    return [first, wrapWords(PLAINTEXT, width), `join it with:  netmgr join ${address}`];
  }
  const hostAndPort = address.replace(/^wss:\/\//, '');
  return [first, ...joinLines(hostAndPort, welcome), ...reachLines(hostAndPort, width)];
}

function joinLines(hostAndPort: string, { invitation, width }: Welcome): readonly string[] {
  if (invitation === undefined) {
    return [
      `join it with:  netmgr join ${hostAndPort} --token-file FILE`,
      'on this host:  netmgr join',
      'a token:       netmgr invite create',
    ];
  }
  const { token, uses, ttlMs } = invitation;
  return [
    `join it with:  netmgr join ${hostAndPort} --token ${token}`,
    'on this host:  netmgr join',
    wrapWords(
      `The token is good for ${uses} collaborators and ${formatDuration(ttlMs)}. To keep it off the command line, leave it out: join asks for it.`,
      width,
    ),
  ];
}

const ONLY_HERE = '(only this host reaches that address; without --bind it listens on all interfaces)';

const reachLines = (hostAndPort: string, width: number | undefined): readonly string[] =>
  isLoopback(hostAndPort) || hostAndPort.startsWith('localhost') ? [wrapWords(ONLY_HERE, width)] : [];
