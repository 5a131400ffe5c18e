import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { Listening } from './listening.js';

/** What a TLS 1.3 client says first. */
export async function recordClientHello(): Promise<Buffer> {
  const heard: Buffer[] = [];
  const server = createServer();
  await using listening = await Listening.open(server);
  const arrived = once(server, 'connection') as Promise<[Socket]>;
  const client = connect({ host: '127.0.0.1', port: listening.port, minVersion: 'TLSv1.3' });
  client.on('error', () => {});
  const [socket] = await arrived;
  socket.on('data', (bytes) => heard.push(bytes));
  await once(socket, 'data');
  client.destroy();
  return Buffer.concat(heard);
}
