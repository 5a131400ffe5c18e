import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type RequestOptions, request } from 'node:https';
import { before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { HttpNetworkOptions } from '../../src/network/http/options.js';
import type { MutualTlsOptions } from '../../src/network/mutual-tls.js';
import { assertNothingLeft } from '../leaks.js';
import { answered, cardOf, type HttpNode, HttpNodes, messageOf, until } from './http-nodes.js';
import { MeshAuthority } from './mesh-authority.js';

assertNothingLeft();

describe('HTTP over mutual TLS', () => {
  let authority: MeshAuthority;
  const tls: Record<string, MutualTlsOptions> = {};
  before(async () => {
    authority = await MeshAuthority.create();
    for (const name of ['a', 'b', 'c']) tls[name] = await authority.node(name);
  });

  const secure = (nodes: HttpNodes, name: string, options: HttpNetworkOptions = {}): Promise<HttpNode> =>
    nodes.node(name, { tls: tls[name], ...options });

  /** What an https client of the test's own is answered. */
  async function ask(url: string, options: RequestOptions, body = ''): Promise<{ status: number; body: string }> {
    const asked = request(url, { method: 'POST', checkServerIdentity: () => undefined, agent: false, ...options });
    asked.end(body);
    const [response] = (await once(asked, 'response')) as [NodeJS.ReadableStream & { statusCode: number }];
    let text = '';
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, body: text };
  }

  it('carries requests and events between those who are who they say', async () => {
    await using nodes = new HttpNodes();
    const [a, b] = [await secure(nodes, 'a'), await secure(nodes, 'b')];
    assert.match(a.url, /^https:\/\/127\.0\.0\.1:\d+$/);
    assert.deepEqual(
      await Promise.all(Array.from({ length: 200 }, (_, i) => a.ask('b', i))),
      Array.from({ length: 200 }, (_, i) => i),
    );
    b.tell('a', 'hello');
    await until(() => a.received.length === 1, 'the event');
    assert.equal(b.network.counters.tlsFailures, 0);
    const host = new URL(b.url).port;
    nodes.addresses.set('b', `https://localhost:${host}`);
    assert.equal(await a.ask('b', 'by another name of the host'), 'by another name of the host');
  });

  it('is refused by a node whose certificate is another one’s, or of another authority', async () => {
    await using nodes = new HttpNodes();
    const a = await secure(nodes, 'a');
    const c = await secure(nodes, 'c');
    nodes.addresses.set('b', c.url);
    const error = await a.error('b');
    assert.equal(error.code, 'CLUSTER_MISMATCH');
    assert.match(error.message, /is not b: its certificate is for c, not for b/);
    const other = await MeshAuthority.create('other');
    const d = await nodes.node('d', { tls: await other.node('d') });
    const unproved = await a.error('d');
    assert.equal(unproved.code, 'CLUSTER_MISMATCH');
    assert.match(unproved.message, /does not prove that it is d/);
    assert.deepEqual([c.received.length, d.received.length], [0, 0]);
  });

  it('is refused to who shows no certificate, or one of another authority', async () => {
    await using nodes = new HttpNodes();
    const b = await secure(nodes, 'b');
    const other = await MeshAuthority.create('other');
    const stranger = await other.node('a');
    const foreign = nodes.made('a', { tls: { ...stranger, ca: `${stranger.ca}\n${authority.pem}` } });
    await foreign.network.start();
    assert.equal(await foreign.failure('b'), 'CLOSED');
    await assert.rejects(ask(`${b.url}/v1/call/x`, { ca: authority.pem }), /certificate required|ECONNRESET|hang up/i);
    await assert.rejects(ask(`${b.url}/v1/call/x`, {}), /self-signed|unable to verify/);
    const old = {
      ca: authority.pem,
      cert: tls['a']?.cert,
      key: tls['a']?.key,
      maxVersion: 'TLSv1.2',
    } as RequestOptions;
    await assert.rejects(ask(`${b.url}/v1/call/x`, old), /protocol version|EPROTO/i);
    await until(() => b.network.counters.tlsFailures >= 4, 'the failures');
    assert.equal(b.network.peers.size, 0);
  });

  it('believes the certificate, not what is said', async () => {
    await using nodes = new HttpNodes();
    const b = await secure(nodes, 'b');
    const shown = { ca: authority.pem, cert: tls['a']?.cert, key: tls['a']?.key } as RequestOptions;
    const post = (card: string, body: string) =>
      ask(`${b.url}/v1/messages`, { ...shown, headers: { netmgr: card, 'content-type': 'application/json' } }, body);
    const forged = await post(cardOf('c', 'b'), messageOf('c'));
    assert.deepEqual([forged.status, JSON.parse(forged.body).code], [403, 'NOT_ALLOWED']);
    assert.match(forged.body, /c is not the name of whoever has made this request: that is a/);
    assert.equal((await post(cardOf('a', 'b'), messageOf('c'))).status, 400);
    assert.equal((await post(cardOf('a', 'b'), messageOf('a'))).status, 204);
    const call = (headers: Record<string, string>) => ask(`${b.url}/v1/call/whoami`, { ...shown, headers });
    b.answers(({ from }) => from);
    assert.deepEqual(await call({}), { status: 200, body: '"a"\n' });
    assert.equal((await call({ 'netmgr-from': 'c' })).status, 403);
    assert.equal(b.network.counters.unauthenticated, 2);
  });

  it('is not plaintext, and plaintext is not it', async () => {
    await using nodes = new HttpNodes();
    const b = await secure(nodes, 'b', { limits: { tlsTimeoutMs: 150 } });
    const plain = await nodes.raw(b.port, 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await until(() => plain.closed, 'the end of plaintext');
    const mute = await nodes.raw(b.port);
    await until(() => mute.closed, 'the end of silence');
    const open = nodes.made('open', { listen: { port: 0 }, addresses: new Map() });
    await open.network.start();
    await assert.rejects(ask(`https://127.0.0.1:${open.port}/`, {}));
    await until(() => open.network.counters.malformed === 1, 'the ClientHello');
    assert.throws(() => nodes.made('x', { addresses: new Map([['b', b.url]]) }), { code: 'INVALID_OPTION' });
    assert.throws(() => nodes.made('a', { tls: tls['a'], addresses: new Map([['b', open.url]]) }), {
      code: 'INVALID_OPTION',
    });
  });

  it('gives up a server that does not shake hands, and with it all that waits', async () => {
    await using nodes = new HttpNodes();
    const a = await secure(nodes, 'a', { limits: { connectTimeoutMs: 100, maxSockets: 2 } });
    let dials = 0;
    const mute = await nodes.tcp(() => {
      dials += 1;
    });
    nodes.addresses.set('b', mute.replace('http:', 'https:'));
    const outcomes = await Promise.all([1, 2, 3].map((i) => a.failure('b', i)));
    assert.deepEqual(outcomes, ['CONNECTION_FAILED', 'CONNECTION_FAILED', 'CONNECTION_FAILED']);
    assert.match(a.seen('undelivered')[0]?.error.message ?? '', /no connection within 100 ms/);
    assert.equal(dials, 1);
  });

  it('ends sockets that come and go during the handshake without a trace', async () => {
    await using nodes = new HttpNodes();
    const b = await secure(nodes, 'b');
    for (let i = 0; i < 20; i += 1) {
      const socket = connectTls({ port: b.port, host: '127.0.0.1', rejectUnauthorized: false });
      socket.on('error', () => {});
      setTimeout(() => socket.destroy(), i / 4);
    }
    await until(() => b.network.counters.tlsFailures === 20, 'the failures');
  });

  describe('with tokens', () => {
    const tokens = new Map([
      ['Bearer one', 'worker'],
      ['Bearer two', 'c'],
    ]);
    const authenticate = ({ headers }: { headers: { authorization?: string | undefined } }) =>
      tokens.get(headers.authorization ?? '');

    it('believes a certificate, or else the program', async () => {
      await using nodes = new HttpNodes();
      const b = await secure(nodes, 'b', { listen: { port: 0, authenticate } });
      nodes.addresses.set('b', b.url);
      const a = await secure(nodes, 'a');
      assert.equal(await a.ask('b', 'by certificate'), 'by certificate');
      b.answers(({ from }) => from);
      const call = (authorization?: string) =>
        ask(`${b.url}/v1/call/whoami`, { ca: authority.pem, headers: authorization ? { authorization } : {} });
      assert.deepEqual(await call('Bearer one'), { status: 200, body: '"worker"\n' });
      const refused = await call('Bearer three');
      assert.deepEqual([refused.status, JSON.parse(refused.body).code], [401, 'NOT_ALLOWED']);
      assert.equal((await call()).status, 401);
    });

    it('lets nodes in by what they send, in plaintext as well', async () => {
      await using nodes = new HttpNodes();
      const b = await nodes.node('b', { listen: { port: 0, authenticate: async (head) => authenticate(head) } });
      nodes.addresses.set('b', b.url);
      const authorization = (node: string) => (node === 'b' ? 'Bearer two' : undefined);
      const c = await nodes.node('c', { authorization });
      const a = await nodes.node('a', { authorization });
      const d = await nodes.node('d');
      assert.equal(await c.ask('b', 'c'), 'c');
      assert.equal(await a.failure('b'), 'NOT_ALLOWED');
      assert.equal(await d.failure('b'), 'NOT_ALLOWED');
      assert.equal(b.network.counters.unauthenticated, 2);
    });

    it('refuses when the program throws, rejects, or names nobody that could be', async () => {
      await using nodes = new HttpNodes();
      const fates = [
        () => {
          throw new Error('oh');
        },
        () => Promise.reject(new Error('oh')),
        () => 'No Name',
        () => undefined,
        () => Promise.resolve(undefined),
      ];
      for (const [i, fate] of fates.entries()) {
        const b = await nodes.node(`b${i}`, { listen: { port: 0, authenticate: fate } });
        const raw = await nodes.raw(b.port, 'POST /v1/call/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n');
        assert.deepEqual(await answered(raw), { status: 401, code: 'NOT_ALLOWED' });
        assert.match(raw.text, /www-authenticate: bearer/i);
      }
    });

    it('fails a request whose authorization cannot be made', async () => {
      await using nodes = new HttpNodes();
      await nodes.node('b');
      const broken = () => {
        throw new Error('no token');
      };
      const a = await nodes.node('a', { authorization: broken });
      const c = await nodes.node('c', { authorization: () => 'two\r\nlines' });
      assert.equal(await a.failure('b'), 'SEND_FAILED');
      assert.equal(await c.failure('b'), 'SEND_FAILED');
      assert.equal(a.tell('b'), 'queued');
      await until(() => a.seen('unreachable').length === 1, 'the event');
    });
  });

  it('answers GET like everything else that is not served', async () => {
    await using nodes = new HttpNodes();
    const b = await secure(nodes, 'b');
    const options = { ca: authority.pem, cert: tls['a']?.cert, key: tls['a']?.key } as RequestOptions;
    const asked = get(`${b.url}/`, { ...options, agent: false, checkServerIdentity: () => undefined });
    const [response] = (await once(asked, 'response')) as [NodeJS.ReadableStream & { statusCode: number }];
    response.resume();
    assert.equal(response.statusCode, 404);
  });
});
