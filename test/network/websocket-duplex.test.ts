import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SocketAuthenticator } from '../../src/network/socket-authenticator.js';
import { assertNothingLeft } from '../leaks.js';
import { Nodes, until } from './websocket-nodes.js';

assertNothingLeft();

const folder = await mkdtemp(join(tmpdir(), 'netmgr-'));
after(() => rm(folder, { recursive: true }));

test('large messages both ways at once do not hold up the acknowledgements that they wait for', async () => {
  await using nodes = new Nodes();
  // What is not acknowledged because there is enough of it never is. A UNIX socket holds far less than a TCP one.
  const limits = { ackDelayMs: 3_600_000, stallMs: 3_600_000 };
  const path = join(folder, 'leader.sock');
  const listen = [{ name: 'socket', path, authenticator: new SocketAuthenticator({ roles: ['collaborator'] }) }];
  const leader = await nodes.leader({ listen, relay: true, limits });
  const client = await nodes.dialler('client', `unix:${path}`, { limits });
  await until(() => client.network.upstream === 'leader', 'the client to be connected');
  leader.onMessage = ({ from, id, payload }) => leader.send({ kind: 'response', to: from, re: id, payload });
  const payload = 'x'.repeat(600_000);
  for (let i = 0; i < 12; i += 1) assert.equal(client.send({ kind: 'request', payload }), 'queued');
  await until(() => client.received.length === 12, 'every answer');
});
