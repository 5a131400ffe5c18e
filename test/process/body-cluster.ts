import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { NodeOrder, SendOrder } from './body-node.js';

const NODE = fileURLToPath(new URL('./body-node.js', import.meta.url));
/** What the leader may take more than before, in MiB, however long the body. */
const MAX_GROWTH_MIB = 64;

async function asked<T>(child: ChildProcess, order: object): Promise<T> {
  const answered = once(child, 'message');
  child.send(order);
  const [answer] = await answered;
  return answer as T;
}

/**
 * A collaborator sends so many bytes through a leader to another one, each a process, over TLS: they arrive as they were,
 * and the leader's memory does not grow with them.
 * @returns how it went, for people
 */
export async function throughTheLeader(mib: number): Promise<string> {
  const [leader, taker, giver] = ['leader', 'taker', 'giver'].map((role) => fork(NODE, [role], { execArgv: [] })) as [
    ChildProcess,
    ChildProcess,
    ChildProcess,
  ];
  try {
    const [order] = (await once(leader, 'message')) as [NodeOrder];
    for (const node of [taker, giver]) await asked(node, order);
    const send = (bytes: number) => asked<{ ms: number; isRight: boolean }>(giver, { send: bytes } satisfies SendOrder);
    // What the engine compiles and keeps is not for the body.
    await send(4 * 1024 * 1024);
    const { rss } = await asked<{ rss: number }>(leader, {});
    const { ms, isRight } = await send(mib * 1024 * 1024);
    const { peak } = await asked<{ peak: number }>(leader, {});
    assert.equal(isRight, true, 'the SHA-256 of what arrived');
    const growth = peak - rss;
    assert.ok(growth < MAX_GROWTH_MIB, `the leader grew by ${growth.toFixed(1)} MiB for a body of ${mib} MiB`);
    return `${mib} MiB in ${Math.round(ms)} ms, ${Math.round(mib / (ms / 1000))} MiB/s; the leader grew by ${growth.toFixed(1)} MiB`;
  } finally {
    for (const child of [giver, taker, leader]) {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    }
  }
}
