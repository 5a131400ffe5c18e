import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { payloadOf } from '../../src/message/raw-payload.js';
import { assertNothingLeft } from '../leaks.js';
import { Nodes, until } from './websocket-nodes.js';
import {
  EchoAuthenticator,
  EchoCredentials,
  hex,
  newAuthority,
  ReplaceableTls,
  tlsListener,
} from './websocket-tls-nodes.js';

assertNothingLeft();

const authority = await newAuthority();
const tls = await ReplaceableTls.by(authority);
const bindingOf = (pem: string): string => hex(createHash('sha256').update(new X509Certificate(pem).raw).digest());

test('a dialler proves itself over the very channel that it sees, and messages flow both ways', async () => {
  await using nodes = new Nodes();
  const authenticator = new EchoAuthenticator();
  const leader = await nodes.leader(
    { listen: tlsListener(tls, { authenticator }) },
    { admit: ({ maySubmit }) => ({ welcome: { maySubmit, roots: 'no' } }) },
  );
  const credentials = new EchoCredentials(authority);
  const member = await nodes.member('worker-1', leader, { credentials });
  assert.deepEqual(authenticator.answers, [
    { nonce: 'abc', node: 'worker-1', role: 'collaborator', binding: bindingOf(tls.current().chain) },
  ]);
  assert.equal(authenticator.channels[0]?.transport, 'tls');
  assert.match(authenticator.channels[0]?.address ?? '', /^127\.0\.0\.1:\d+$/);
  assert.deepEqual(credentials.greetings, [{ maySubmit: true, roots: ['root'] }]);
  assert.equal(leader.network.peers.get('worker-1')?.maySubmit, true);
  assert.equal(member.network.peers.get('leader')?.maySubmit, true);
  leader.onMessage = ({ from, id, payload }) => leader.send({ kind: 'response', to: from, re: id, payload });
  const payload = { bytes: new Uint8Array([1, 2, 3]), text: 'ü€'.repeat(100_000) };
  assert.equal(member.send({ kind: 'request', payload }), 'queued');
  await until(() => member.received.length === 1, 'the answer');
  assert.deepEqual(payloadOf(member.received[0] ?? {}), payload);
});
