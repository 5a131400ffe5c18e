/** A server in a process of its own: argv is its name and its port; it prints where it listens. */
import { NetworkServer } from '../../src/network/tcp/server.js';

const [node = '', port = '0'] = process.argv.slice(2);
const server = new NetworkServer({
  node,
  port: Number(port),
  limits: { ackDelayMs: 100, sweepMs: 50 },
  handler: {
    handle: ({ type }, { payload }) => (type === 'hang' ? new Promise(() => {}) : { pid: process.pid, payload }),
  },
});
await server.start();
process.stdout.write(`${server.address}\n`);
