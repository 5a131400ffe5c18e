import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { assertNothingLeft } from '../leaks.js';
import { closed, Nodes } from './websocket-nodes.js';
import { newAuthority, ReplaceableTls, tlsListener } from './websocket-tls-nodes.js';

assertNothingLeft();

const authority = await newAuthority();
const tls = await ReplaceableTls.by(authority);

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'];
const HELLO = JSON.stringify({
  v: 1,
  id: 'a-1',
  kind: 'control',
  type: 'hello',
  from: 'page',
  ts: 1,
  payload: { role: 'collaborator', instance: 'i', version: '1' },
});

/** What browsers send with a cross-site WebSocket, for a page of that origin at that host. */
const upgradeOf = (origin: string, host: string, method = 'GET'): string =>
  `${method} / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: ${origin}\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: netmgr.v1.json\r\n\r\n';

const requestOf = (method: string, host: string, origin: string): string =>
  `${method} / HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nContent-Type: text/plain\r\nContent-Length: ${HELLO.length}\r\n\r\n${HELLO}`;

async function answerTo(socket: Socket, text: string): Promise<string> {
  let answer = '';
  socket.on('data', (bytes) => {
    answer += String(bytes);
  });
  socket.write(text);
  await closed(socket);
  return answer.split('\r\n')[0] ?? '';
}

for (const secure of [false, true]) {
  test(`no page of a browser gets anything from a ${secure ? 'TLS' : 'plaintext'} port, whatever it asks`, async () => {
    await using nodes = new Nodes();
    const leader = await nodes.leader(secure ? { listen: tlsListener(tls) } : {});
    const ask = async (text: string): Promise<string> => {
      const tcp = await nodes.tcp(leader.port);
      if (!secure) return answerTo(tcp, text);
      const socket = connectTls({ socket: tcp, ca: [...authority.roots], checkServerIdentity: () => undefined });
      socket.on('error', () => {});
      return answerTo(socket, text);
    };
    const here = `127.0.0.1:${leader.port}`;
    let asked = 0;
    // Cross-site, rebinding (the page's own host leads here), another port of the same host, a file, a sandbox.
    for (const [origin, host] of [
      ['https://evil.example', here],
      [`http://rebind.example:${leader.port}`, `rebind.example:${leader.port}`],
      ['http://127.0.0.1:8080', here],
      [`http://${here}`, here],
      ['null', here],
      ['', here],
    ] as const) {
      assert.equal(await ask(upgradeOf(origin, host)), 'HTTP/1.1 403 Forbidden', origin);
      for (const method of METHODS) {
        assert.equal(
          await ask(requestOf(method, host, origin)),
          'HTTP/1.1 426 Upgrade Required',
          `${method} ${origin}`,
        );
      }
      assert.equal(await ask(upgradeOf(origin, host, 'POST')), 'HTTP/1.1 403 Forbidden', origin);
      asked += METHODS.length + 2;
    }
    assert.equal(leader.network.counters.httpRefused, asked);
    assert.deepEqual(leader.events, []);
    assert.deepEqual(leader.received, []);
  });
}

test('an upgrade by another method than GET is no WebSocket', async () => {
  await using nodes = new Nodes();
  const leader = await nodes.leader();
  const ask = async (text: string): Promise<string> => answerTo(await nodes.tcp(leader.port), text);
  const bare = upgradeOf('x', 'h').replace('Origin: x\r\n', '');
  for (const method of ['POST', 'PUT', 'DELETE']) {
    assert.equal(await ask(bare.replace('GET', method)), 'HTTP/1.1 405 Method Not Allowed');
  }
});
