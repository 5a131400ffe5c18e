/** Bare `net` on one connection: JSON behind a length of four bytes, one write for each message, answers matched by id. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { answerTo } from '../message.js';
import { Calls } from './calls.js';

const LENGTH_BYTES = 4;

/** @type {import('./transport.js').Transport['answer']} */
export async function answer() {
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    onMessage(socket, ({ id, payload }) => write(socket, { id, payload: answerTo(payload) }));
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

/** @type {import('./transport.js').Transport['ask']} */
export async function ask({ address }) {
  const socket = connect({ host: '127.0.0.1', port: Number(address), noDelay: true });
  await once(socket, 'connect');
  const calls = new Calls();
  onMessage(socket, (message) => calls.answered(message));
  return {
    request: (_, payload) => calls.call((id) => write(socket, { id, type: 'echo', payload })),
    stop: async () => void socket.destroy(),
  };
}

/** @param {import('node:net').Socket} socket @param {object} message */
function write(socket, message) {
  const text = JSON.stringify(message);
  const bytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + bytes);
  frame.writeUInt32BE(bytes);
  frame.write(text, LENGTH_BYTES);
  socket.write(frame);
}

/** @param {import('node:net').Socket} socket @param {(message: any) => void} take */
function onMessage(socket, take) {
  let rest = Buffer.alloc(0);
  socket.on('data', (data) => {
    let at = 0;
    const bytes = rest.length === 0 ? data : Buffer.concat([rest, data]);
    while (bytes.length - at >= LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      take(JSON.parse(bytes.toString('utf8', at + LENGTH_BYTES, end)));
      at = end;
    }
    rest = bytes.subarray(at);
  });
}
