import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { SystemClock } from '../../src/base/clock.js';
import { Endpoint } from '../../src/network/endpoint.js';
import { HttpNetwork } from '../../src/network/http/network.js';
import { freePort } from './free-port.js';
import { failureOf, type OtherWay, type Produced, type Productions } from './production.js';

const MIB = 1024 * 1024;

export const HTTP: Productions = {
  // More than the buffers of two sockets hold, and nobody reads.
  SEND_FAILED: () => asked((socket) => void setTimeout(() => socket.resetAndDestroy(), 50), 'x'.repeat(15 * MIB)),

  RECEIVE_FAILED: () =>
    asked((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of ', () => {
          setTimeout(() => socket.resetAndDestroy(), 50);
        });
      });
    }),
};

export const ALSO_HTTP: readonly OtherWay[] = [
  {
    code: 'NO_ADDRESS',
    by: 'HttpNetwork: a node that is not in the book',
    produce: () => ask({ addresses: new Map() }, ['b', 'a']),
  },
  {
    code: 'CONNECTION_FAILED',
    by: 'HttpNetwork: nobody listens',
    produce: async () => {
      const address = `http://127.0.0.1:${await freePort()}`;
      return ask({ addresses: new Map([['b', address]]) }, ['b', address, 'ECONNREFUSED']);
    },
  },
  {
    code: 'CLOSED',
    by: 'HttpNetwork: the connection ends before the answer',
    produce: () => asked((socket) => void socket.once('data', () => socket.resetAndDestroy())),
  },
  {
    code: 'RECEIVE_FAILED',
    by: 'HttpNetwork: something else than an answer',
    produce: () => asked(answering('HTTP/1.1 200 OK\r\nnetmgr: node=b; instance=x\r\ncontent-length: 2\r\n\r\nhi')),
  },
  {
    code: 'SEND_FAILED',
    by: 'HttpNetwork: a header that cannot be written',
    produce: () => {
      const authorization = (): string => 'Bearer s3cr3t\r\nevil: 1';
      return ask({ addresses: new Map([['b', 'http://127.0.0.1:1']]), authorization }, ['b'], { secrets: ['s3cr3t'] });
    },
  },
  {
    code: 'TIMEOUT',
    by: 'HttpNetwork: nobody answers',
    produce: () => asked((socket) => void socket.resume(), undefined, 100),
  },
];

const answering = (text: string) => (socket: Socket) => void socket.once('data', () => socket.end(text));

/** What a node gets that asks something which is no node. */
async function asked(onSocket: (socket: Socket) => void, payload?: string, timeoutMs = 5000): Promise<Produced> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    onSocket(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `http://127.0.0.1:${(server.address() as { readonly port: number }).port}`;
  try {
    return await ask({ addresses: new Map([['b', address]]) }, ['b'], { payload, timeoutMs });
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

interface Asking {
  readonly addresses: ReadonlyMap<string, string>;
  readonly authorization?: () => string;
}

interface Particulars {
  readonly payload?: string | undefined;
  readonly secrets?: readonly string[];
  readonly timeoutMs?: number;
}

async function ask(
  options: Asking,
  names: readonly string[],
  { payload, secrets, timeoutMs }: Particulars = {},
): Promise<Produced> {
  const clock = new SystemClock();
  const network = new HttpNetwork({ self: 'a', clock }, { ...options, limits: { maxFrameBytes: 16 * MIB } });
  const endpoint = new Endpoint({ network, clock });
  await endpoint.start();
  const error = await failureOf(endpoint.request({ type: 'get', to: 'b', payload }, { timeoutMs }));
  await endpoint.stop({ graceMs: 0 });
  return { error, names, ...(secrets ? { secrets } : {}) };
}
