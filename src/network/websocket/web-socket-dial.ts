import { connect, type Socket } from 'node:net';
import { toNetworkError } from '../../base/errors.js';
import { integer, type Random } from '../../base/random.js';
import { type Address, formatAddress, formatHostPort, isLoopback } from '../address.js';
import type { Credentials } from '../credentials.js';
import type { Connecting } from '../framed/attempt.js';
import { Connection } from '../framed/connection.js';
import { dialError } from '../framed/dial-error.js';
import type { Hub } from '../framed/hub.js';
import type { ResolvedDial } from './options.js';
import { dialSecurely } from './secure-dial.js';
import { socketOptions } from './socket-options.js';
import { codecOf, subprotocolOf } from './subprotocols.js';
import { upgradeError } from './upgrade-error.js';
import { type LinkBounds, WebSocketLink } from './web-socket-link.js';

export interface WebSocketDialParts {
  readonly dial: ResolvedDial;
  readonly hub: Hub;
  readonly bounds: LinkBounds;
  readonly random: Random;
}

/** Opens WebSockets to one address: the socket, TLS, the upgrade. */
export class WebSocketDial {
  readonly #parts: WebSocketDialParts;
  readonly #mask: () => number;

  constructor(parts: WebSocketDialParts) {
    const { dial, random } = parts;
    this.#parts = parts;
    this.#mask = isSeenByOthers(dial) ? () => integer(random, 2 ** 32) : () => 0;
  }

  connect(attempt: Connecting, signal: AbortSignal): void {
    const { address, credentials } = this.#parts.dial;
    if (address.kind === 'unix') this.#upgrade(attempt, signal, () => connect({ path: address.path }));
    else if (credentials) void this.#secure(attempt, signal, { address, credentials });
    else this.#upgrade(attempt, signal, () => connect({ host: address.host, port: address.port }));
  }

  async #secure(attempt: Connecting, signal: AbortSignal, peer: SecurePeer): Promise<void> {
    try {
      const { socket, binding } = await dialSecurely({ ...peer, signal });
      if (signal.aborted) {
        socket.destroy();
        return;
      }
      attempt.proved(binding);
      this.#upgrade(attempt, signal, () => socket);
    } catch (error) {
      attempt.failed(toNetworkError(error, 'CONNECTION_FAILED'));
    }
  }

  #upgrade(attempt: Connecting, signal: AbortSignal, createConnection: () => Socket): void {
    const { dial, bounds } = this.#parts;
    const address = formatAddress(dial.address);
    const options = { ...socketOptions(bounds.limits), createConnection };
    const link = new WebSocketLink(urlOf(dial.address), dial.codecs.map(subprotocolOf), options);
    link.track(bounds);
    signal.addEventListener('abort', () => link.terminate(), { once: true });
    let raw: Socket | undefined;
    link.once('upgrade', (response) => {
      raw = response.socket;
    });
    link.once('open', () => {
      if (!signal.aborted) attempt.connected(this.#opened(link, raw as Socket));
    });
    link.once('unexpected-response', (_request, response) => attempt.failed(upgradeError(address, response)));
    link.on('error', (error) => attempt.failed(dialError(address, error)));
  }

  #opened(link: WebSocketLink, raw: Socket): Connection {
    const { dial, hub } = this.#parts;
    link.ride({ raw, mask: this.#mask });
    const codec = codecOf(link.protocol);
    const unix = dial.address.kind === 'unix';
    const address = unix ? 'unix' : formatHostPort(raw.remoteAddress ?? '', raw.remotePort ?? 0);
    return new Connection({ host: hub, link, codec, address, listener: 'dial', lazy: false });
  }
}

interface SecurePeer {
  readonly address: Address & { readonly kind: 'tcp' };
  readonly credentials: Credentials;
}

/** Whether somebody between the two ends can read what is written: docs/decisions/masking.md. */
const isSeenByOthers = ({ address, credentials }: ResolvedDial): boolean =>
  address.kind === 'tcp' && credentials === undefined && address.host !== 'localhost' && !isLoopback(address.host);

// Where to connect, and whether with TLS, is decided by createConnection; the URL gives the Host header and the path.
const urlOf = (address: Address): string =>
  address.kind === 'unix' ? 'ws://localhost/' : `ws://${formatHostPort(address.host, address.port)}/`;
