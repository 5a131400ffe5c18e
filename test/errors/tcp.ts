import { Endpoint } from '../../src/network/endpoint.js';
import { TcpNodes } from '../network/tcp-nodes.js';
import { freePort } from './free-port.js';
import { failureOf, type OtherWay, type Produced, type Productions } from './production.js';

export const TCP: Productions = {
  NO_ADDRESS: () => asked('b', async () => {}, ['b', 'a']),
};

export const ALSO_TCP: readonly OtherWay[] = [
  {
    code: 'NO_ADDRESS',
    by: 'TcpNetwork: what stands in the address book is none, and was put there after the start',
    produce: async () =>
      asked('b', async (nodes) => void nodes.addresses.set('b', '127.0.0.1:http'), ['b', 'is no address']),
  },
  {
    code: 'CONNECTION_FAILED',
    by: 'TcpNetwork: nobody listens',
    produce: async () => {
      const address = `127.0.0.1:${await freePort()}`;
      return asked('b', async (nodes) => void nodes.addresses.set('b', address), ['b', address]);
    },
  },
  {
    code: 'HANDSHAKE_TIMEOUT',
    by: 'TcpNetwork: something that says nothing',
    produce: async () => asked('b', async (nodes) => silentNode(nodes, 'b'), ['b', '100 ms']),
  },
  {
    code: 'CLOSED',
    by: 'TcpNetwork: the node ends before it answers',
    produce: async () => {
      await using nodes = new TcpNodes();
      const a = await nodes.node('a', { codecs: ['json'] });
      const member = await nodes.member('b', a.port);
      member.socket.on('data', (chunk) => {
        if (String(chunk).includes('"get"')) member.socket.destroy();
      });
      const endpoint = new Endpoint({ network: a.network, clock: a.clock });
      const error = await failureOf(endpoint.request({ type: 'get', to: 'b' }));
      await endpoint.stop({ graceMs: 0 });
      return { error, names: ['b'] };
    },
  },
];

async function silentNode(nodes: TcpNodes, node: string): Promise<void> {
  nodes.addresses.set(node, `127.0.0.1:${await nodes.server((socket) => void socket.resume())}`);
}

/** What node `a` gets when it asks `to` over TCP. */
async function asked(
  to: string,
  prepare: (nodes: TcpNodes) => Promise<void>,
  names: readonly string[],
): Promise<Produced> {
  await using nodes = new TcpNodes();
  const { network, clock } = await nodes.node('a', { dialTimeoutMs: 100 });
  await prepare(nodes);
  const endpoint = new Endpoint({ network, clock });
  const error = await failureOf(endpoint.request({ type: 'get', to }));
  await endpoint.stop({ graceMs: 0 });
  return { error, names };
}
