/** Unary calls of `@grpc/grpc-js` on one channel, without TLS; the messages are JSON in bytes, as they are for the others. */
import { credentials, makeGenericClientConstructor, Server, ServerCredentials } from '@grpc/grpc-js';
import { answerTo } from '../message.js';

/** @param {unknown} value */
const serialize = (value) => Buffer.from(JSON.stringify(value));
/** @param {Buffer} bytes */
const deserialize = (bytes) => JSON.parse(bytes.toString());

const ECHO = {
  echo: {
    path: '/bench.Echo/Echo',
    requestStream: false,
    responseStream: false,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  },
};

/** What it does beside calling, switched off. */
const OPTIONS = { 'grpc.enable_channelz': 0, 'grpc.enable_retries': 0, 'grpc.enable_http_proxy': 0 };

/** @type {import('./transport.js').Transport['answer']} */
export async function answer() {
  const server = new Server(OPTIONS);
  server.addService(ECHO, {
    echo: (/** @type {any} */ call, /** @type {any} */ callback) => callback(null, answerTo(call.request)),
  });
  const port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return { address: `127.0.0.1:${port}`, stop: async () => server.forceShutdown() };
}

/** @type {import('./transport.js').Transport['ask']} */
export async function ask({ address }) {
  const Client = makeGenericClientConstructor(ECHO, 'Echo');
  const client = new Client(address, credentials.createInsecure(), OPTIONS);
  return {
    request: (_, payload) =>
      new Promise((resolve, reject) => {
        client.echo(payload, (/** @type {unknown} */ error, /** @type {any} */ answered) => {
          if (error) reject(error);
          else resolve(answered);
        });
      }),
    stop: async () => client.close(),
  };
}
