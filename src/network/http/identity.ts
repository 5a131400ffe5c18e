import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { isPromise } from '../../base/deferred.js';
import { NODE_NAME, type NodeId } from '../../base/names.js';
import { formatHostPort } from '../address.js';
import { provedNames } from '../mutual-tls.js';
import type { Authenticate } from './options.js';

/** The names that a request may go by, the first of them its own; `anybody`: whatever it says. */
export type Names = ReadonlySet<NodeId> | 'anybody';

const NOBODY: ReadonlySet<NodeId> = new Set();

/** Finds out who has made a request. */
export class Identities {
  readonly #authenticate: Authenticate | undefined;
  /** A certificate is the socket's: it is read once. */
  readonly #proved = new WeakMap<TLSSocket, ReadonlySet<NodeId>>();

  constructor(authenticate: Authenticate | undefined) {
    this.#authenticate = authenticate;
  }

  /** @returns no names for a request of nobody that is known. A promise only if the authentication gives one. */
  of(request: IncomingMessage): Names | Promise<Names> {
    const { socket } = request;
    if (socket instanceof TLSSocket) {
      const proved = this.#certified(socket);
      if (proved.size > 0 || this.#authenticate === undefined) return proved;
    }
    return this.#authenticate === undefined ? 'anybody' : this.#asked(request, this.#authenticate);
  }

  #certified(socket: TLSSocket): ReadonlySet<NodeId> {
    const known = this.#proved.get(socket);
    if (known) return known;
    const names = provedNames(socket);
    this.#proved.set(socket, names);
    return names;
  }

  #asked(request: IncomingMessage, authenticate: Authenticate): Names | Promise<Names> {
    const found = authenticate({ headers: request.headers, address: addressOf(request) });
    return isPromise(found) ? found.then(namesFrom) : namesFrom(found);
  }
}

const namesFrom = (name: NodeId | undefined): ReadonlySet<NodeId> =>
  typeof name === 'string' && NODE_NAME.test(name) ? new Set([name]) : NOBODY;

export const addressOf = ({ socket }: IncomingMessage): string =>
  formatHostPort(socket.remoteAddress ?? '', socket.remotePort ?? 0);
