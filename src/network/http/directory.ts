import { isNetworkError, NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { MutualTls } from '../mutual-tls.js';
import type { Peer } from '../network.js';
import { type BaseUrl, parseBaseUrl } from './base-url.js';
import type { Hub } from './hub.js';
import { Line } from './line.js';
import { Remote, type RemoteHost } from './remote.js';

/** Everybody that something is known of, and the ways to those who have an address. */
export class Directory implements RemoteHost {
  readonly hub: Hub;
  readonly peers: Map<NodeId, Peer> = new Map();
  readonly #tls: MutualTls | undefined;
  readonly #remotes = new Map<NodeId, Remote>();

  constructor(hub: Hub, tls: MutualTls | undefined) {
    this.hub = hub;
    this.#tls = tls;
  }

  find(node: NodeId): Remote | undefined {
    return this.#remotes.get(node);
  }

  /** @throws NetworkError OVERLOADED; never for those who have an address, whose number is the book's */
  of(node: NodeId): Remote {
    const known = this.#remotes.get(node);
    if (known) return known;
    const { limits, counters } = this.hub;
    if (this.#remotes.size >= limits.maxPeers && !this.hasAddress(node)) {
      counters.peersFull += 1;
      throw new NetworkError('OVERLOADED', `${limits.maxPeers} nodes and callers are known here, as many as may be`);
    }
    const remote = new Remote(this, node);
    this.#remotes.set(node, remote);
    return remote;
  }

  /** The way to a node by its address now; undefined if it has none. */
  lineTo(node: NodeId): Line | undefined {
    const address = this.hub.options.addresses.get(node);
    if (address === undefined || node === this.hub.wiring.self) return undefined;
    const remote = this.of(node);
    if (remote.line?.url.text === address) return remote.line;
    const url = this.#read(node, address);
    if (url === undefined) return undefined;
    remote.line?.close(new NetworkError('CLOSED', `${node} has another address now`, { node }));
    remote.line = new Line({ hub: this.hub, addressee: remote, url, tls: this.#tls });
    if (remote.card) remote.line.reads(remote.card);
    return remote.line;
  }

  hasAddress(node: NodeId): boolean {
    return this.hub.options.addresses.has(node);
  }

  forget(remote: Remote): void {
    this.hub.wheel.remove(remote);
    this.#remotes.delete(remote.node);
  }

  *lines(): Generator<Line> {
    for (const { line } of this.#remotes.values()) if (line) yield line;
  }

  remotes(): Remote[] {
    return [...this.#remotes.values()];
  }

  #read(node: NodeId, address: string): BaseUrl | undefined {
    const { counters, log, options } = this.hub;
    try {
      return parseBaseUrl(address, { node, secure: options.tls !== undefined, plaintext: options.plaintext });
    } catch (error) {
      counters.invalidAddresses += 1;
      log.error({ node, reason: isNetworkError(error) ? error.message : error }, 'an address cannot be used');
      return undefined;
    }
  }
}
