import type { Socket } from 'node:net';

export interface FirstBytes {
  /**
   * How many bytes it takes, by those that have come so far; more than have come: it waits for them.
   * @throws what `refused` is then given
   */
  measure(bytes: Buffer): number;
  /** They are there; what came after them is still to be read. */
  read(bytes: Buffer): void;
  refused(error: unknown, bytes: Buffer): void;
}

/** Reads the first bytes of a socket before anything else does, and leaves the rest to whoever comes next. */
export function readFirstBytes(socket: Socket, { measure, read, refused }: FirstBytes): void {
  let held: Buffer = Buffer.alloc(0);
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    try {
      const wanted = measure(held);
      if (held.length < wanted) return;
      socket.off('readable', onReadable);
      if (held.length > wanted) socket.unshift(held.subarray(wanted));
      held = held.subarray(0, wanted);
    } catch (error) {
      socket.off('readable', onReadable);
      refused(error, held);
      return;
    }
    read(held);
  };
  socket.on('readable', onReadable);
}
