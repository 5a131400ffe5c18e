/** Bare `ws` on one connection: one JSON message in each frame, answers matched by id. */
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import { answerTo } from '../message.js';
import { Calls } from './calls.js';

/** @type {import('./transport.js').Transport['answer']} */
export async function answer() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 1024 * 1024 });
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      const { id, payload } = JSON.parse(data.toString());
      socket.send(JSON.stringify({ id, payload: answerTo(payload) }));
    });
  });
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    address: `ws://127.0.0.1:${port}`,
    stop: async () => {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** @type {import('./transport.js').Transport['ask']} */
export async function ask({ address }) {
  const socket = new WebSocket(address, { perMessageDeflate: false });
  await once(socket, 'open');
  const calls = new Calls();
  socket.on('message', (data) => calls.answered(JSON.parse(data.toString())));
  return {
    request: (_, payload) => calls.call((id) => socket.send(JSON.stringify({ id, type: 'echo', payload }))),
    stop: async () => socket.terminate(),
  };
}
