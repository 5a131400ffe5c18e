import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { SystemClock } from '../../src/base/clock.js';
import { seededRandom } from '../../src/base/random.js';
import { createLeader } from '../../src/index.js';
import { Stamp } from '../../src/message/stamp.js';
import { HttpNetwork } from '../../src/network/http/network.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

/** @returns the status and what came with it */
function post(url: string, headers: Record<string, string>, body: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const all = { 'content-type': 'application/json', ...headers };
    const posting = request(url, { method: 'POST', agent: false, headers: all }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(`${response.statusCode} ${Buffer.concat(chunks)}`));
    });
    posting.on('error', reject);
    posting.end(JSON.stringify(body));
  });
}

test('a node has no other role than that of a node, whatever it says', async () => {
  const clock = new SystemClock();
  let network: HttpNetwork | undefined;
  await using leader = await createLeader({
    clock,
    network: (wiring) => {
      network = new HttpNetwork(wiring, { listen: { port: 0 } });
      return network;
    },
  });
  for (const role of ['operator', 'observer', 'leader']) {
    const card = `node=w1; to=leader; role=${role}; instance=evil`;
    const message = { v: 1, id: 'evil-1', kind: 'request', type: 'netmgr.evict', from: 'w1', to: 'leader', ts: 1 };
    const answer = await post(
      `${network?.baseUrl}/v1/messages`,
      { netmgr: card },
      { ...message, payload: { node: 'w2' } },
    );
    assert.match(answer, /^403 .*NOT_ALLOWED.*only collaborator/, role);
  }
  assert.deepEqual(leader.status().nodes, []);
  for (const type of ['netmgr.evict', 'netmgr.invite.create', 'netmgr.emit']) {
    const answer = await post(`${network?.baseUrl}/v1/call/${type}`, { 'netmgr-from': 'w1' }, { node: 'w2' });
    assert.match(answer, /^403 .*NOT_ALLOWED/, `${type}: ${answer}`);
  }
});

test('callers under many names take no way to a node from this one', async () => {
  const clock = new SystemClock();
  const addresses = new Map<string, string>();
  const limits = { maxPeers: 10 };
  const network = new HttpNetwork({ self: 'a', clock }, { listen: { port: 0 }, addresses, limits });
  await network.start();
  for (let i = 0; i < 20; i += 1)
    await post(`${network.baseUrl}/v1/call/x`, { 'netmgr-from': `c${i}`, 'netmgr-timeout-ms': '1' }, 1);
  assert.ok((network.counters['peersFull'] ?? 0) > 0);
  addresses.set('b', 'http://127.0.0.1:1');
  const stamp = new Stamp('a', clock, seededRandom('attack'));
  assert.equal(network.send(stamp.make({ kind: 'event', type: 'x', to: 'b' })), 'queued');
  await network.stop({ graceMs: 0 });
});
