import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { before, describe, it } from 'node:test';
import { isNetworkError } from '../../src/base/errors.js';
import { Authority } from '../../src/security/certificates/authority.js';
import { readLeaderChain } from '../../src/security/certificates/leader-chain.js';
import { assertNothingLeft } from '../leaks.js';
import { TlsServer } from './tls-server.js';

assertNothingLeft();

const HOST = '127.0.0.1';
/** The machine's: OpenSSL looks at no other clock. */
const now = Date.now();
const patient = new AbortController().signal;

const failed = (message: RegExp) => (error: unknown) =>
  isNetworkError(error) && error.code === 'CONNECTION_FAILED' && message.test(error.message);

describe("the leader's chain", () => {
  let first: Authority;
  before(async () => {
    first = await Authority.create({ cluster: 'default', now });
  });

  it('holds the root, without a byte being written, also after rotations', async () => {
    const second = await first.rotate(now);
    const third = await second.rotate(now);
    for (const authority of [first, second, third]) {
      const served = await authority.issueLeaf({ cluster: 'default', leader: 'boss', names: [], now });
      await using server = await TlsServer.open(served);
      for (const host of [HOST, 'localhost']) {
        const { leaf, chain } = await readLeaderChain({ host, port: server.port }, patient);
        assert.equal(leaf.toString(), served.certificate);
        assert.equal(chain.map(String).join(''), served.chain);
        assert.equal(String(chain.at(-1)), authority.certificate);
      }
      assert.equal(server.received, 0);
    }
  });

  it('is not there where nobody listens, or speaks TLS, or stays', async () => {
    const peers: [(socket: Socket) => void, RegExp][] = [
      [(socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), /127\.0\.0\.1:\d+: it does not speak TLS$/],
      [(socket) => socket.destroy(), /127\.0\.0\.1:\d+: /],
    ];
    for (const [answer, message] of peers) {
      const server = createServer((socket) => {
        socket.on('error', () => {}).resume();
        answer(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
      const { port } = server.address() as AddressInfo;
      await assert.rejects(readLeaderChain({ host: HOST, port }, patient), failed(message));
      await new Promise((resolve) => server.close(resolve));
      await assert.rejects(readLeaderChain({ host: HOST, port }, patient), failed(/ECONNREFUSED/));
    }
  });

  it('is given up with the signal’s reason', async () => {
    const reason = new AbortController();
    const server = createServer((socket) => {
      socket.on('error', () => {}).resume();
      reason.abort(new Error('enough'));
    });
    await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
    const { port } = server.address() as AddressInfo;
    await assert.rejects(readLeaderChain({ host: HOST, port }, reason.signal), /enough/);
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(readLeaderChain({ host: HOST, port: 1 }, AbortSignal.abort(new Error('before'))), /before/);
  });
});
