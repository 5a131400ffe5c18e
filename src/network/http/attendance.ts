import type { Socket } from 'node:net';
import type { Remote } from './remote.js';

/** Which sockets that have come in are whose: when the last one of a peer is gone, it may be gone itself. */
export class Attendance {
  readonly #remotes = new WeakMap<Socket, Remote>();

  /** The node has sent something on this socket. */
  seen(socket: Socket, remote: Remote): void {
    const before = this.#remotes.get(socket);
    if (before === remote) return;
    this.#remotes.set(socket, remote);
    remote.sockets += 1;
    // Behind a proxy one socket may carry what several nodes send; it counts for the last one.
    if (before) before.sockets -= 1;
    else socket.once('close', () => this.#closed(socket));
  }

  #closed(socket: Socket): void {
    const remote = this.#remotes.get(socket);
    if (remote === undefined) return;
    remote.sockets -= 1;
    if (remote.sockets === 0) remote.doubted();
  }
}
