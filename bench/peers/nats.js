/**
 * NATS request/reply through a nats-server, if one is on the PATH. The asking side has one connection to the server,
 * as an application would; each answering connection subscribes to a subject of its own.
 */
import { spawn, spawnSync } from 'node:child_process';
import { connect } from '@nats-io/transport-node';
import { answerTo } from '../message.js';

export const name = 'nats';

export const unavailable = () =>
  spawnSync('nats-server', ['--version']).error ? 'no nats-server is on the PATH' : undefined;

/** @type {NonNullable<import('./peer.js').Peer['broker']>} */
export async function broker() {
  const server = spawn('nats-server', ['-a', '127.0.0.1', '-p', '-1'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const address = await new Promise((resolve, reject) => {
    let log = '';
    server.stderr.setEncoding('utf8').on('data', (text) => {
      log += text;
      const port = /Listening for client connections on \S+:(\d+)/.exec(log)?.[1];
      if (port && log.includes('Server is ready')) resolve(`127.0.0.1:${port}`);
    });
    server.once('error', reject);
    server.once('exit', () => reject(new Error(`nats-server ended: ${log}`)));
  });
  return {
    address,
    stop: async () => {
      server.kill();
      await ended;
    },
  };
}

/** @type {import('./peer.js').Peer['ask']} */
export async function ask({ connections, broker: address }) {
  const connection = await connect({ servers: /** @type {string} */ (address) });
  const arrived = new Set();
  const complete = new Promise((resolve) => {
    connection.subscribe('bench.here', {
      callback: (_error, message) => {
        arrived.add(message.string());
        message.respond();
        if (arrived.size === connections) resolve(undefined);
      },
    });
  });
  await connection.flush();
  return {
    address: /** @type {string} */ (address),
    ready: async () => void (await complete),
    request: async (index, payload) => {
      const message = await connection.request(`bench.echo.${index}`, JSON.stringify(payload), { timeout: 30_000 });
      return message.json();
    },
    stop: () => connection.close(),
  };
}

/** @type {import('./peer.js').Peer['answer']} */
export async function answer({ address, connections }) {
  const opened = await Promise.all(Array.from({ length: connections }, () => connect({ servers: address })));
  await Promise.all(
    opened.map(async (connection, index) => {
      connection.subscribe(`bench.echo.${index}`, {
        callback: (_error, message) => {
          message.respond(JSON.stringify(answerTo(message.json())));
        },
      });
      await connection.flush();
      await connection.request('bench.here', String(index), { timeout: 10_000 });
    }),
  );
  return {
    stop: async () => {
      await Promise.all(opened.map((connection) => connection.close()));
    },
  };
}
