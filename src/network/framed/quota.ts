import { NetworkError } from '../../base/errors.js';
import type { FramedCounters } from './counters.js';
import type { FramedLimits } from './limits.js';

/** Sockets beside the connections, so that one connection too many can still be told so. */
const MAX_SPARE = 128;

/** How many authenticated connections there are, in all and of each IP address, and whether there may be one more. */
export class Quota {
  readonly #limits: FramedLimits;
  readonly #counters: FramedCounters;
  readonly #perAddress = new Map<string, number>();
  #size = 0;

  constructor(limits: FramedLimits, counters: FramedCounters) {
    this.#limits = limits;
    this.#counters = counters;
  }

  /** How many sockets may be open that have not authenticated, for the operating system to have enough for all. */
  get room(): number {
    const { maxConnections } = this.#limits;
    return maxConnections + Math.min(MAX_SPARE, Math.ceil(maxConnections / 6)) - this.#size;
  }

  /**
   * @param ip undefined for a UNIX socket, which is always let in
   * @param replaced the address of the connection that would be replaced, if there is one
   * @throws NetworkError OVERLOADED
   */
  check(ip: string | undefined, replaced: string | undefined): void {
    if (ip === undefined) return;
    const { maxConnections, maxConnectionsPerAddress } = this.#limits;
    const ofAddress = (this.#perAddress.get(ip) ?? 0) - (replaced === ip ? 1 : 0);
    if (ofAddress >= maxConnectionsPerAddress) {
      this.#counters.addressFull += 1;
      throw new NetworkError('OVERLOADED', `${ofAddress} connections of ${ip} are all that one address may have here`);
    }
    if (this.#size - (replaced === undefined ? 0 : 1) >= maxConnections) {
      this.#counters.connectionsFull += 1;
      throw new NetworkError('OVERLOADED', `${this.#size} connections are all that this node may have open`);
    }
  }

  add(ip: string | undefined): void {
    if (ip === undefined) return;
    this.#size += 1;
    this.#perAddress.set(ip, (this.#perAddress.get(ip) ?? 0) + 1);
  }

  remove(ip: string | undefined): void {
    if (ip === undefined) return;
    this.#size -= 1;
    const left = (this.#perAddress.get(ip) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(ip);
    else this.#perAddress.set(ip, left);
  }
}
