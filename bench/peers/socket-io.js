/** socket.io with acknowledgements, over WebSocket alone. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { answerTo } from '../message.js';

export const name = 'socket.io';
export const unavailable = () => undefined;

/** @type {import('./peer.js').Peer['ask']} */
export async function ask({ connections }) {
  const http = createServer();
  const server = new Server(http, { transports: ['websocket'], serveClient: false });
  /** @type {import('socket.io').Socket[]} */
  const sockets = [];
  const complete = new Promise((resolve) => {
    server.on('connection', (socket) => {
      if (sockets.push(socket) === connections) resolve(undefined);
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (http.address());
  return {
    address: `http://127.0.0.1:${port}`,
    ready: async () => void (await complete),
    request: (connection, payload) => sockets[connection].emitWithAck('echo', payload),
    stop: async () => void (await server.close()),
  };
}

/** @type {import('./peer.js').Peer['answer']} */
export async function answer({ address, connections }) {
  const sockets = Array.from({ length: connections }, () =>
    io(address, { transports: ['websocket'], forceNew: true, reconnection: false }),
  );
  for (const socket of sockets) socket.on('echo', (payload, acknowledge) => acknowledge(answerTo(payload)));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.on('connect', () => resolve(undefined)))));
  return {
    stop: async () => {
      for (const socket of sockets) socket.disconnect();
    },
  };
}
