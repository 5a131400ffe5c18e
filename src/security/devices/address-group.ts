import { isIPv6 } from 'node:net';
import { plainHost } from '../../network/address.js';

const HEXTETS = 8;
/** A subscriber's IPv6 network is a /64: whoever holds one address of it holds them all. */
const NETWORK_HEXTETS = 4;

/**
 * Who is counted together: the host of a peer's address (`host:port`) without its port, an IPv6 host by its /64.
 * Anything else (`unix`, `memory`) stands for itself.
 */
export function addressGroup(address: string): string {
  const host = plainHost(/^\[([^\]]*)\]:\d+$/.exec(address)?.[1] ?? address.replace(/^([^:]*):\d+$/, '$1'));
  const bare = host.replace(/%.*$/, '');
  return isIPv6(bare) ? networkOf(bare) : host;
}

function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const left = hextets(head);
  const right = tail === undefined ? [] : hextets(tail);
  const zeros: number[] = new Array(Math.max(0, HEXTETS - left.length - right.length)).fill(0);
  const network = [...left, ...zeros, ...right].slice(0, NETWORK_HEXTETS);
  return `${network.map((part) => part.toString(16)).join(':')}::/64`;
}

/** A dotted tail counts as two; its value is beyond the network in any case. */
const hextets = (text: string): number[] =>
  text === '' ? [] : text.split(':').flatMap((part) => (part.includes('.') ? [0, 0] : [Number.parseInt(part, 16)]));
