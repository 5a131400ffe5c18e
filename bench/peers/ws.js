/** Bare `ws`: one JSON message in each frame, answers matched by id. What one writes without a library on top. */
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import { answerTo } from '../message.js';

export const name = 'ws';
export const unavailable = () => undefined;

const listen = async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 1024 * 1024 });
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { server, address: `ws://127.0.0.1:${port}` };
};

/** @param {WebSocketServer} server */
const close = (server) => {
  for (const client of server.clients) client.terminate();
  return /** @type {Promise<void>} */ (new Promise((resolve) => server.close(() => resolve())));
};

/** @type {import('./peer.js').Peer['ask']} */
export async function ask({ connections }) {
  const { server, address } = await listen();
  /** @type {Map<number, (answer: import('../message.js').Answer) => void>} */
  const pending = new Map();
  let lastId = 0;
  /** @type {WebSocket[]} */
  const sockets = [];
  const complete = new Promise((resolve) => {
    server.on('connection', (socket) => {
      socket.on('message', (data) => {
        const { id, payload } = JSON.parse(data.toString());
        const resolveAnswer = pending.get(id);
        pending.delete(id);
        resolveAnswer?.(payload);
      });
      if (sockets.push(socket) === connections) resolve(undefined);
    });
  });
  return {
    address,
    ready: async () => void (await complete),
    request: (connection, payload) =>
      new Promise((resolve) => {
        const id = ++lastId;
        pending.set(id, resolve);
        sockets[connection].send(JSON.stringify({ id, type: 'echo', payload }));
      }),
    stop: () => close(server),
  };
}

/** @type {import('./peer.js').Peer['answer']} */
export async function answer({ address, connections }) {
  const sockets = Array.from({ length: connections }, () => new WebSocket(address, { perMessageDeflate: false }));
  for (const socket of sockets) {
    socket.on('message', (data) => {
      const { id, payload } = JSON.parse(data.toString());
      socket.send(JSON.stringify({ id, payload: answerTo(payload) }));
    });
  }
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  return {
    stop: async () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}

/** @type {import('./peer.js').Peer['hold']} */
export async function hold() {
  const { server, address } = await listen();
  return { address, counts: () => ({ connections: server.clients.size }), stop: () => close(server) };
}
