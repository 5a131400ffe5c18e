/** Bare `net`: a length of eight bytes, then the bytes themselves; the SHA-256 comes back. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const LENGTH_BYTES = 8;
const DIGEST_BYTES = 32;

/** @type {import('./stream.js').Stream['receive']} */
export async function receive() {
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    digestAll(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    address: String(port),
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Answers each stream that comes with its digest. @param {import('node:net').Socket} socket */
function digestAll(socket) {
  let left = 0;
  let hash = createHash('sha256');
  socket.on('data', (data) => {
    let bytes = data;
    if (left === 0) {
      // The sender waits for the answer, so a length never comes behind other bytes, and never alone in parts here.
      left = Number(data.readBigUInt64BE());
      bytes = data.subarray(LENGTH_BYTES);
      hash = createHash('sha256');
    }
    hash.update(bytes);
    left -= bytes.length;
    if (left === 0) socket.write(hash.digest());
  });
}

/** @type {import('./stream.js').Stream['send']} */
export async function send({ address }) {
  const socket = connect({ host: '127.0.0.1', port: Number(address), noDelay: true });
  await once(socket, 'connect');
  return {
    upload: async (bytes, size) => {
      const hash = createHash('sha256');
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeBigUInt64BE(BigInt(size));
      const answered = once(socket, 'data');
      socket.write(length);
      for await (const chunk of bytes) {
        hash.update(chunk);
        if (!socket.write(chunk)) await once(socket, 'drain');
      }
      const [digest] = await answered;
      if (digest.length !== DIGEST_BYTES || !hash.digest().equals(digest)) throw new Error('the digests differ');
    },
    stop: async () => void socket.destroy(),
  };
}
