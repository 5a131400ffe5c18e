import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import type { NodeId } from '../../base/names.js';
import type { Network } from '../../network/network.js';
import { ChaosProxy } from '../chaos-proxy.js';
import type { ProxyTarget } from '../proxied-connection.js';
import { NOBODY } from './subject.js';

export interface WiresOptions {
  /** For UNIX sockets: a directory of this ground alone. @default ports of 127.0.0.1 */
  readonly directory?: string | undefined;
}

/** One way between two nodes. */
interface Wire {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly proxy: ChaosProxy;
  readonly address: ProxyTarget;
}

/**
 * For the subject of a transport on sockets: addresses between the nodes of a ground, each of which leads through a
 * `ChaosProxy` of its own, so that nodes can be silenced, killed and half closed.
 *
 * @example
 * const wires = new Wires();
 * const network = new MyNetwork(wiring, { port: wires.portOf(wiring.self), dial: await wires.address(wiring.self, 'a') });
 * wires.listens(wiring.self, network, () => network.boundAddress);
 */
export class Wires {
  readonly #directory: string | undefined;
  readonly #wires = new Map<string, Promise<Wire>>();
  /** Those that are there already, for what has to be done at once. */
  readonly #ready: Wire[] = [];
  readonly #nodes = new Map<NodeId, { readonly network: Network; readonly where: () => ProxyTarget | undefined }>();

  constructor(options: WiresOptions = {}) {
    this.#directory = options.directory;
  }

  /** Where one node dials another; the same as long as the ground is there. */
  async address(from: NodeId, to: NodeId): Promise<ProxyTarget> {
    if (to === NOBODY) return this.#nowhere();
    const key = `${from}-${to}`;
    let wire = this.#wires.get(key);
    if (!wire) {
      wire = this.#lay(from, to);
      this.#wires.set(key, wire);
    }
    return (await wire).address;
  }

  /**
   * Tells of a node, each time one is made.
   * @param where where it really listens; undefined while it does not
   */
  listens(node: NodeId, network: Network, where: () => ProxyTarget | undefined): void {
    this.#nodes.set(node, { network, where });
  }

  /** The port where a node of this name has listened, for its successor; 0 if there was none. */
  portOf(node: NodeId): number {
    const target = this.#nodes.get(node)?.where();
    return target && 'port' in target ? target.port : 0;
  }

  /** The path where a node may listen. */
  pathOf(node: NodeId): string {
    return path.join(this.#directory ?? '', `${node}.sock`);
  }

  silence(node: NodeId): void {
    for (const { proxy } of this.#of(node)) proxy.partition();
  }

  heal(node: NodeId): void {
    for (const { proxy } of this.#of(node)) proxy.healPartition();
  }

  /** Resets its connections first, so that none can say goodbye, then stops it. */
  async kill(node: NodeId): Promise<void> {
    for (const { proxy } of this.#of(node)) proxy.partition({ reject: true });
    await this.#nodes.get(node)?.network.stop({ graceMs: 0 });
    this.heal(node);
  }

  /** Its connections fall silent for good, and it is stopped behind them. */
  async vanish(node: NodeId): Promise<void> {
    this.silence(node);
    await this.#nodes.get(node)?.network.stop({ graceMs: 0 });
    // With those that it has made for its last words.
    for (const { proxy } of this.#of(node)) proxy.abandon();
    this.heal(node);
  }

  halfClose(node: NodeId, peer: NodeId): void {
    for (const { from, to, proxy } of this.#ready) {
      if (from === node && to === peer) proxy.halfClose('up');
      if (from === peer && to === node) proxy.halfClose('down');
    }
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#wires.values(), async (wire) => (await wire).proxy.stop()));
  }

  #of(node: NodeId): Wire[] {
    return this.#ready.filter(({ from, to }) => from === node || to === node);
  }

  async #lay(from: NodeId, to: NodeId): Promise<Wire> {
    const file = this.#directory && path.join(this.#directory, `${from}-${to}.sock`);
    const where = (): ProxyTarget | undefined => this.#nodes.get(to)?.where();
    const proxy = new ChaosProxy({
      get target() {
        return where();
      },
      listen: file === undefined ? {} : { path: file },
    });
    await proxy.start();
    const address = file === undefined ? { host: proxy.host, port: proxy.port } : { path: file };
    const wire = { from, to, proxy, address };
    this.#ready.push(wire);
    return wire;
  }

  /** An address where nobody listens. */
  async #nowhere(): Promise<ProxyTarget> {
    if (this.#directory !== undefined) return { path: path.join(this.#directory, `${NOBODY}.sock`) };
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return { host: '127.0.0.1', port };
  }
}
