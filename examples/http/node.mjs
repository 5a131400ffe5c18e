// A node that others reach over HTTP, and whoever has curl.  Run: node examples/http/node.mjs [PORT]
import { createHash } from 'node:crypto';
import { Endpoint, HttpNetwork, NetworkError } from 'netmgr';

const handlers = {
  sum: (numbers) => ({ sum: numbers.reduce((total, number) => total + number, 0) }),
  /** Bytes in, bytes out. */
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  order() {
    throw new NetworkError('OVERLOADED', 'the kitchen is full');
  },
};

const network = new HttpNetwork({ self: 'b' }, { listen: { port: Number(process.argv[2] ?? 8001) } });
const endpoint = new Endpoint({ network });
endpoint.handle({
  handle({ type }, { payload }) {
    const handler = handlers[type];
    if (!handler) throw new NetworkError('NO_HANDLER', `b has no handler for '${type}'`);
    return handler(payload);
  },
});
await endpoint.start();
console.log(network.baseUrl);

process.once('SIGTERM', () => endpoint.stop());
