import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLeader, type Leader } from '../../src/index.js';
import { readLeaderChain } from '../../src/security/certificates/leader-chain.js';
import { assertNothingLeft } from '../leaks.js';
import { until } from '../network/websocket-nodes.js';
import { manyAddresses } from './fortress.js';
import type { ManyOrder, ManyReport } from './many-clients.js';

const CLIENTS = fileURLToPath(new URL('./many-clients.js', import.meta.url));
const COUNT = 1_000;
const WITHIN_MS = 10_000;
/** What one idle connection may cost: TLS and its buffers, the WebSocket, the member. */
const MAX_IDLE_BYTES = 160 * 1024;

const stateDir = mkdtempSync(join(tmpdir(), 'netmgr-many-'));
after(() => rmSync(stateDir, { recursive: true, force: true }));
assertNothingLeft();

const lead = (port: number): Promise<Leader> => createLeader({ stateDir, listen: { port } });
const alive = (leader: Leader): number => leader.status().counts.alive ?? 0;

async function reported(clients: ChildProcess): Promise<ManyReport> {
  const [report] = await once(clients, 'message');
  return report as ManyReport;
}

test(
  `${COUNT} collaborators enrol, and come back after a restart, each in less than 10 s; an idle one costs little`,
  manyAddresses,
  async (t) => {
    let leader = await lead(0);
    const port = Number(new URL(leader.address).port);
    const { token = '' } = (await leader.security?.invites.create({ role: 'collaborator', uses: COUNT })) ?? {};
    const { chain } = await readLeaderChain({ host: '127.0.0.1', port }, AbortSignal.timeout(5_000));
    const order: ManyOrder = { port, token, count: COUNT, roots: [String(chain.at(-1))] };
    const before = process.memoryUsage.rss();
    const clients = fork(CLIENTS, { execArgv: [] });
    try {
      clients.send(order);
      const enrolled = await reported(clients);
      await until(() => alive(leader) === COUNT, 'all to be alive');
      const each = (process.memoryUsage.rss() - before) / COUNT;
      t.diagnostic(
        `enrolled in ${Math.round(enrolled.connectedMs)} ms, ${enrolled.failures} dials failed; ${Math.round(each / 1024)} KiB for each`,
      );
      assert.ok(enrolled.connectedMs < WITHIN_MS, `they took ${enrolled.connectedMs} ms`);
      assert.ok(each < MAX_IDLE_BYTES, `each takes ${each} bytes`);
      const back = reported(clients);
      await leader.stop({ graceMs: 100 });
      leader = await lead(port);
      const returned = await back;
      await until(() => alive(leader) === COUNT, 'all to be back');
      t.diagnostic(`back in ${Math.round(returned.connectedMs)} ms, ${returned.failures} dials failed in all`);
      assert.ok(returned.connectedMs < WITHIN_MS, `they took ${returned.connectedMs} ms`);
      assert.equal(leader.security?.counters['enrolments'], 0);
    } finally {
      clients.disconnect();
      await once(clients, 'exit');
      await leader.stop({ graceMs: 50 });
    }
  },
);
