import { isIPv6 } from 'node:net';
import { NetworkError } from '../base/errors.js';

/** Where a node listens when nothing else is said. */
export const DEFAULT_PORT = 7700;

export type Address =
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      /** What the scheme says: true for wss://, false for ws://. @default it was left out */
      readonly tls?: boolean | undefined;
    }
  | { readonly kind: 'unix'; readonly path: string };

const FORMS = 'HOST, HOST:PORT, [IPV6]:PORT, wss://HOST:PORT, ws://HOST:PORT or unix:/PATH';
const BRACKETED = /^\[([0-9A-Fa-f:.]+)\](?::(\d{1,5}))?$/;
const SCHEME = /^ws(s?):\/\//i;
const PLAIN = /^([A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}))(?::(\d{1,5}))?$/;

/**
 * Reads the address of a node; the port is 7700 when left out.
 * @throws NetworkError INVALID_OPTION naming the value and the forms that are accepted
 */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix:')) return parseUnix(text);
  const scheme = SCHEME.exec(text);
  const authority = text.slice(scheme?.[0].length ?? 0).replace(/\/$/, '');
  const match = BRACKETED.exec(authority) ?? PLAIN.exec(authority);
  const host = match?.[1];
  if (host === undefined || (authority.startsWith('[') && !isIPv6(host))) throw invalid(text);
  const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
  if (port < 1 || port > 65_535) throw invalid(text, 'the port must be 1 to 65535');
  return { kind: 'tcp', host, port, ...(scheme && { tls: scheme[1] !== '' }) };
}

/** The form that `parseAddress` reads: `wss://host:port` for TLS, else `host:port`, `[::1]:port`, `unix:/path`. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return `${address.tls ? 'wss://' : ''}${formatHostPort(address.host, address.port)}`;
}

/** `host:port`; IPv6 in brackets, IPv4 mapped into IPv6 as plain IPv4. */
export function formatHostPort(host: string, port: number): string {
  const plain = plainHost(host);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** `::ffff:127.0.0.1` is 127.0.0.1: what a dual-stack socket reports of an IPv4 peer. */
export const plainHost = (host: string): string => (/^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(host) ? host.slice(7) : host);

/** Whether an IP address, or the address of a peer (`host:port`), is this machine's own loopback. */
export function isLoopback(text: string): boolean {
  const host = plainHost(/^\[(.*)\]:\d+$/.exec(text)?.[1] ?? text.replace(/^([^:]*):\d+$/, '$1'));
  return host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** A named pipe, which takes the place of a UNIX socket on Windows: `\\.\pipe\name`. Untested there. */
export const isNamedPipe = (path: string): boolean => /^\\\\[.?]\\pipe\\[^\\]/.test(path);

/** Whether something can listen on the path: absolute, or a named pipe. */
export const isSocketPath = (path: string): boolean =>
  (path.startsWith('/') || isNamedPipe(path)) && !path.includes('\0');

function parseUnix(text: string): Address {
  const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  if (!isSocketPath(path)) throw invalid(text, 'the path of a UNIX socket must be absolute');
  return { kind: 'unix', path };
}

function invalid(text: string, detail?: string): NetworkError {
  const shown = JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
  return new NetworkError('INVALID_OPTION', `address ${shown} is not valid${detail ? `: ${detail}` : ''}`, {
    hint: `Write it as ${FORMS}.`,
  });
}
