import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectOperator, createCollaborator, createLeader, handle } from '../../src/index.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

test('a large payload to many nodes waits for room instead of failing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'netmgr-flow-'));
  const socketPath = join(folder, 'leader.sock');
  const limits = { maxUnauthenticatedPerAddress: 64 };
  try {
    await using leader = await createLeader({ listen: { port: 0 }, plaintext: true, socketPath, limits });
    const nodes = Array.from({ length: 30 }, (_, i) => `w${i}`);
    const size = handle('size', {}, (payload) => String(payload).length);
    const workers = await Promise.all(
      nodes.map((name) => createCollaborator({ leader: leader.address, name, handlers: [size] })),
    );
    await using operator = await connectOperator({ address: `unix:${socketPath}` });
    const failures: string[] = [];
    let answers = 0;
    const payload = 'x'.repeat(600_000);
    for await (const answer of operator.callEach('size', payload, { nodes, timeoutMs: 60_000 })) {
      answers += 1;
      if (!answer.ok) failures.push(`${answer.node} ${answer.error.code} ${answer.error.message}`);
      else assert.equal(answer.payload, payload.length);
    }
    assert.deepEqual(failures, []);
    assert.equal(answers, nodes.length);
    await Promise.all(workers.map((worker) => worker.stop()));
  } finally {
    await rm(folder, { recursive: true });
  }
});
