import { isIP } from 'node:net';
import { type Address, DEFAULT_PORT, formatAddress, isLoopback, parseAddress } from '../network/address.js';
import { configurationError, usageError } from './exit-codes.js';

/** The address of a leader in the form that is dialled. @throws NetworkError INVALID_OPTION; CommandError (78) for TLS */
export function leaderAddress(text: string): string {
  if (/^wss:/i.test(text.trim())) {
    throw configurationError(
      `'${text}' asks for TLS, which this version does not have`,
      'Use ws:// on a loopback address.',
    );
  }
  const address: Address = parseAddress(text.trim());
  return address.kind === 'unix' ? formatAddress(address) : `ws://${formatAddress(address)}`;
}

export interface BindAddress {
  /** Without brackets. */
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
}

/** Where a leader listens: `host:port`, `[v6]:port`, `host` or `:port`. */
export function parseBind(text: string): BindAddress {
  const match = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{0,253})(?::(\d{1,5}))?$/.exec(text.trim());
  const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
  const host = (match?.[1] ?? '').replace(/^\[|\]$/g, '') || '127.0.0.1';
  if (match === null || port > 65_535 || (match[1]?.startsWith('[') && isIP(host) !== 6)) {
    throw usageError(
      `'${text}' is not an address to listen on`,
      'It is host:port, [v6]:port or :port; port 0 picks one.',
    );
  }
  return { host, port };
}

/** @throws CommandError (78): without TLS and tokens only this host may reach the leader */
export function requireLoopback(bind: BindAddress): void {
  if (bind.host === 'localhost' || isLoopback(bind.host)) return;
  throw configurationError(
    `--bind ${bind.host}:${bind.port}: this version has neither TLS nor tokens yet, so a leader listens on loopback only`,
    'Use --bind 127.0.0.1:7700 (or another port, or [::1]); collaborators on this host can join it.',
  );
}
