import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { deferred } from '../../src/base/deferred.js';
import type { NetworkError } from '../../src/base/errors.js';
import { connectOperator, createCollaborator, createLeader } from '../../src/index.js';
import type { Leader } from '../../src/role/leader.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

/** What is promised is a second. */
const SOON_MS = 3_000;

describe('a key that was evicted, over TLS', () => {
  let folder: string;
  let leader: Leader;
  const stateDir = (name: string) => path.join(folder, name);
  const isEvicted = (error: NetworkError) => error.code === 'EVICTED';
  const tokenFor = async (role: 'collaborator' | 'operator', uses = 1) =>
    (await (leader.security ?? assert.fail()).invites.create({ role, uses })).token;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'netmgr-revoked-'));
    leader = await createLeader({ listen: { port: 0 }, stateDir: stateDir('leader') });
  });
  after(async () => {
    await leader.stop();
    await rm(folder, { recursive: true });
  });

  test('a collaborator is cut off at once and may not come back; forgotten, its name is free for a new key', async () => {
    const dial = { leader: leader.address, name: 'w1' };
    const w1 = await createCollaborator({ ...dial, stateDir: stateDir('w1'), token: await tokenFor('collaborator') });
    const refused = deferred<NetworkError>();
    w1.on('leader', (event) => {
      if (event.type === 'refused') refused.resolve(event.error);
    });
    const start = performance.now();
    assert.equal(await leader.evict('w1'), true);
    assert.equal((await refused.promise).code, 'EVICTED');
    assert.ok(performance.now() - start < SOON_MS);
    await w1.stop();
    await assert.rejects(createCollaborator({ ...dial, stateDir: stateDir('w1') }), isEvicted);
    const token = await tokenFor('collaborator', 2);
    await assert.rejects(createCollaborator({ ...dial, token }), { code: 'NAME_IN_USE' });
    await using operator = await connectOperator({ address: leader.address, token: await tokenFor('operator') });
    await operator.forget('w1');
    await using again = await createCollaborator({ ...dial, token });
    assert.equal(again.connected, true);
    await assert.rejects(operator.forget('w1'), { code: 'NAME_IN_USE' });
  });

  test('an operator loses all that it has open under its key, and no one else does', async () => {
    const { address } = leader;
    const own = { address, stateDir: stateDir('ops') };
    await using first = await connectOperator({ ...own, name: 'ops', token: await tokenFor('operator') });
    await using second = await connectOperator({ ...own, name: 'ops.second' });
    await using other = await connectOperator({ address, name: 'boss', token: await tokenFor('operator') });
    const start = performance.now();
    await other.evict('ops');
    const ends = await Promise.all([first.closed, second.closed]);
    assert.ok(performance.now() - start < SOON_MS);
    assert.deepEqual(
      ends.map((error) => (error as NetworkError).code),
      ['EVICTED', 'EVICTED'],
    );
    await assert.rejects(connectOperator({ ...own, name: 'ops.third' }), isEvicted);
    assert.equal((await other.status()).cluster, 'default');
  });
});
