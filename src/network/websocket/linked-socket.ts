import { WebSocket } from 'ws';

/** Whom a socket's events are for. */
export interface SocketOwner {
  received(data: Buffer, binary: boolean): void;
  pinged(data: Buffer): void;
  failed(error: Error): void;
  closed(code: number): void;
}

/** Where the sockets of a network are kept until they are closed. */
export interface SocketRegistry {
  add(socket: LinkedSocket): void;
  delete(socket: LinkedSocket): void;
}

/** A WebSocket that knows its owner, so that ten thousand of them share four listeners and need no closures. */
export class LinkedSocket extends WebSocket {
  owner: SocketOwner | undefined = undefined;

  registry: SocketRegistry | undefined = undefined;

  /** Keeps it registered until it is closed. */
  track(registry: SocketRegistry): void {
    this.registry = registry;
    registry.add(this);
    this.on('close', onGone);
  }

  link(owner: SocketOwner): void {
    this.owner = owner;
    this.on('message', onMessage);
    this.on('ping', onPing);
    this.on('error', onError);
    this.on('close', onClose);
  }
}

// With the default binaryType ws hands out Buffers, whatever its type says.
function onMessage(this: WebSocket, data: unknown, binary: boolean): void {
  (this as LinkedSocket).owner?.received(data as Buffer, binary);
}

function onPing(this: WebSocket, data: Buffer): void {
  (this as LinkedSocket).owner?.pinged(data);
}

function onError(this: WebSocket, error: Error): void {
  (this as LinkedSocket).owner?.failed(error);
}

function onClose(this: WebSocket, code: number): void {
  (this as LinkedSocket).owner?.closed(code);
}

function onGone(this: WebSocket): void {
  (this as LinkedSocket).registry?.delete(this as LinkedSocket);
}
