import { isIP } from 'node:net';
import {
  type Address,
  DEFAULT_PORT,
  formatAddress,
  formatHostPort,
  isLoopback,
  parseAddress,
} from '../network/address.js';
import { configurationError, usageError } from './exit-codes.js';

/** Where a leader is, in the form that is dialled. */
export interface LeaderAddress {
  /** `wss://host:port`, `ws://host:port` or `unix:/path`. */
  readonly url: string;
  /** Without TLS, on this host only. */
  readonly plaintext: boolean;
}

const TOKEN_LIKE = /^nmtk-/i;

/**
 * Reads `host:port`, `wss://host:port`, `ws://host:port` (plaintext, loopback only) or `unix:/path`.
 * @throws NetworkError INVALID_OPTION; CommandError (2) for a token in the place of an address, (78) for plaintext elsewhere
 */
export function leaderAddress(text: string, plaintext = false): LeaderAddress {
  const typed = text.trim();
  if (TOKEN_LIKE.test(typed)) {
    throw usageError('that is a join token, not the address of a leader', 'netmgr join ADDR --token-file FILE');
  }
  const [, scheme = '', rest = ''] = /^(wss?:(?:\/\/)?)?(.*)$/is.exec(typed) ?? [];
  const secure = /^wss/i.test(scheme);
  if (secure && plaintext) throw usageError(`--plaintext contradicts '${typed}'`, 'Leave one of the two out.');
  const address: Address = parseAddress(secure ? rest : typed);
  if (address.kind === 'unix') return { url: formatAddress(address), plaintext: false };
  const plain = plaintext || /^ws:/i.test(scheme);
  if (plain && !isThisHostOnly(address.host)) throw plaintextElsewhere(`${typed}`);
  return { url: `${plain ? 'ws' : 'wss'}://${formatAddress(address)}`, plaintext: plain };
}

const isThisHostOnly = (host: string): boolean => host === 'localhost' || isLoopback(host);

const plaintextElsewhere = (what: string): Error =>
  configurationError(
    `${what}: plaintext has neither encryption nor authentication, so it is for loopback addresses only`,
    'Leave --plaintext and ws:// out: TLS and join tokens work everywhere. Or use 127.0.0.1.',
  );

export interface BindAddress {
  /** Without brackets; '' for all interfaces. */
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
}

/** Where a leader listens: `host:port`, `[v6]:port`, `host`, or `:port` for all interfaces. */
export function parseBind(text: string): BindAddress {
  const match = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{0,253})(?::(\d{1,5}))?$/.exec(text.trim());
  const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
  const host = (match?.[1] ?? '').replace(/^\[|\]$/g, '');
  if (match === null || port > 65_535 || (match[1]?.startsWith('[') && isIP(host) !== 6)) {
    throw usageError(
      `'${text}' is not an address to listen on`,
      'It is host:port, [v6]:port, or :port for all interfaces; port 0 picks one.',
    );
  }
  return { host, port };
}

/** @throws CommandError (78): plaintext is for this host only */
export function requireLoopback(bind: BindAddress): void {
  if (!isThisHostOnly(bind.host)) throw plaintextElsewhere(`--bind ${bind.host}:${bind.port}`);
}

/** One address of an interface of this machine. */
export interface InterfaceAddress {
  readonly address: string;
  readonly family: string;
  readonly internal: boolean;
}

/** As the network sees it. */
export interface Machine {
  readonly interfaces: readonly InterfaceAddress[];
  readonly hostName: string;
}

const WILDCARDS: ReadonlySet<string> = new Set(['', '0.0.0.0', '::']);

/** What to listen on: all interfaces, IPv6 too where there is IPv6. */
export function listenHost(bind: BindAddress, interfaces: readonly InterfaceAddress[]): string {
  if (bind.host !== '') return bind.host;
  return interfaces.some(({ family }) => family === 'IPv6') ? '::' : '0.0.0.0';
}

/**
 * The host that others reach: the one listened on, or, if that is all of them, the first that is not this machine's
 * own loopback (IPv4 before IPv6, for its sake is shorter to type), else the host name.
 */
function reachableHost(bind: BindAddress, machine: Machine): string {
  if (!WILDCARDS.has(bind.host)) return bind.host;
  const outer = machine.interfaces.filter(({ internal, address }) => !internal && !/^fe80:/i.test(address));
  const first = outer.find(({ family }) => family === 'IPv4') ?? outer[0];
  return first?.address ?? machine.hostName;
}

/** The address to advertise: `host`, `host:port`, `wss://host:port`. The port is the one listened on if left out. */
export interface Advertised {
  readonly host: string;
  readonly port: number | undefined;
}

export function parseAdvertised(text: string): Advertised {
  const authority = text.trim().replace(/^wss?:\/\//i, '');
  const address = parseAddress(authority);
  if (address.kind === 'unix') throw usageError(`'${text}' is not an address that other hosts reach`);
  const port = /:\d+$/.test(authority.replace(/\[.*\]/, '')) ? address.port : undefined;
  return { host: address.host, port };
}

/** The address that collaborators are told, once the port is known. */
export function advertisedAddress(
  bind: BindAddress,
  machine: Machine,
  chosen: Advertised | undefined,
): (port: number) => string {
  const host = chosen?.host ?? reachableHost(bind, machine);
  return (port) => `wss://${formatHostPort(host, chosen?.port ?? port)}`;
}

/** Whether a leader that this host runs is meant by an address: its own, or any of this machine's with the same port. */
export function isOfThisHost(url: string, own: string, machine: Machine): boolean {
  if (url === own) return true;
  const [meant, ours] = [hostAndPort(url), hostAndPort(own)];
  if (meant === undefined || ours === undefined || meant.port !== ours.port) return false;
  if (meant.host === ours.host || isThisHostOnly(meant.host)) return true;
  if (meant.host.toLowerCase() === machine.hostName.toLowerCase()) return true;
  return machine.interfaces.some(({ address }) => address === meant.host);
}

function hostAndPort(url: string): { readonly host: string; readonly port: number } | undefined {
  try {
    const address = parseAddress(url.replace(/^wss?:\/\//i, ''));
    return address.kind === 'tcp' ? address : undefined;
  } catch {
    return undefined;
  }
}
