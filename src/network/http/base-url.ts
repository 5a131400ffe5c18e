import { isIP } from 'node:net';
import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { isLoopback } from '../address.js';

/** Where a node is reached. */
export interface BaseUrl {
  readonly text: string;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** The header: with brackets, and with the port. */
  readonly authority: string;
  /** Without a slash at its end; empty if there is none. */
  readonly prefix: string;
}

export interface BaseUrlRules {
  readonly node: NodeId;
  /** Whether it has to be https, or http. */
  readonly secure: boolean;
  /** Whether http may leave this host. */
  readonly plaintext: boolean;
}

/** @throws NetworkError INVALID_OPTION naming the node and the address */
export function parseBaseUrl(text: string, { node, secure, plaintext }: BaseUrlRules): BaseUrl {
  const invalid = (rule: string): NetworkError =>
    new NetworkError('INVALID_OPTION', `addresses: ${shown(text)}, the address of ${node}, ${rule}`);
  const scheme = secure ? 'https:' : 'http:';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== scheme)
    throw invalid(`is not of the form ${scheme}//HOST:PORT${secure ? ', as tls is on' : ''}`);
  if (url.username || url.password || url.search || url.hash) throw invalid('may have no user, query or fragment');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!secure && !plaintext && !isOwnHost(host)) throw invalid('is not on this host: give tls, or plaintext: true');
  const port = Number(url.port || (secure ? 443 : 80));
  const authority = `${url.hostname}:${port}`;
  return { text, host, port, authority, prefix: url.pathname.replace(/\/+$/, '') };
}

/** Whether only this host reaches it. */
export const isOwnHost = (host: string): boolean => (isIP(host) === 0 ? host === 'localhost' : isLoopback(host));

function shown(text: unknown): string {
  const whole = JSON.stringify(text) ?? String(text);
  return whole.length > 100 ? `${whole.slice(0, 100)}…` : whole;
}
