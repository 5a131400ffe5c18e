import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { deferred } from '../../src/base/deferred.js';
import { createCollaborator, createLeader } from '../../src/index.js';
import { handle } from '../../src/manager/handler.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

test('a signal cancels the start; once that is over it is not listened to, and a stop may take its time', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const begun = deferred();
  const release = deferred<string>();
  const slow = handle('slow', {}, () => {
    begun.resolve();
    return release.promise;
  });
  const leader = await createLeader({ listen: { port: 0 }, plaintext: true, signal });
  const worker = await createCollaborator({ leader: leader.address, name: 'worker', handlers: [slow], signal });
  const asker = await createCollaborator({ leader: leader.address, name: 'asker' });
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
  const asked = asker.request('slow', null, { to: 'worker', timeoutMs: 60_000 });
  await begun.promise;
  controller.abort();
  const stopped = leader.stop({ graceMs: 30_000 });
  assert.equal(leader.status().leader.state, 'draining');
  release.resolve('done');
  assert.equal(await asked, 'done');
  await Promise.all([stopped, worker.stop(), asker.stop()]);
  await assert.rejects(createLeader({ listen: { port: 0 }, plaintext: true, signal }), { code: 'CANCELLED' });
  await assert.rejects(createCollaborator({ leader: leader.address, name: 'late', signal }));
});
