/** A process for tests to kill: node `victim`, which asks `a` once and answers, but for `wait`. */
import { Endpoint } from '../../src/network/endpoint.js';
import { HttpNetwork } from '../../src/network/http/network.js';

const addresses = new Map(JSON.parse(process.argv[2] ?? '[]') as [string, string][]);
const network = new HttpNetwork({ self: 'victim' }, { addresses, listen: { port: Number(process.argv[3] ?? 0) } });
const endpoint = new Endpoint({ network });
endpoint.handle({ handle: (_, { payload }) => (payload === 'wait' ? new Promise(() => {}) : payload) });
await endpoint.start();
await endpoint.request({ type: 'hello', to: 'a' });
process.send?.(network.baseUrl);
process.on('disconnect', () => void endpoint.stop());
