import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { handle } from '../../src/manager/handler.js';
import { MESSAGE_KINDS } from '../../src/message/message.js';
import type { Leader } from '../../src/role/leader.js';
import * as operations from '../../src/role/operations.js';
import { AUTHORISATION } from '../../src/security/authorisation.js';
import { assertNothingLeft } from '../leaks.js';
import { Puppet } from '../role/puppet.js';
import { Stage } from '../role/stage.js';
import { FakeSecurity } from './fake-security.js';
import { ATTEMPTS, type Attempt, isAllowed, nameOf, OPERATIONS, PROBES, type Probe, titleOf } from './probes.js';

assertNothingLeft();

/** What may happen in a cluster that a message should have no effect on. */
interface Seen {
  readonly runs: number;
  readonly operations: number;
  readonly refused: number;
  readonly handlers: string;
}

class Cluster {
  readonly stage: Stage = new Stage();
  readonly security: FakeSecurity = new FakeSecurity();
  leader: Leader | undefined;
  #runs = 0;

  async open(): Promise<void> {
    const work = handle('work', {}, () => {
      this.#runs += 1;
      return 'done';
    });
    this.leader = await this.stage.leader({ handlers: [work], security: this.security });
    await this.stage.collaborator('w1', [work]);
  }

  join(name: string, { role, maySubmit }: Attempt): Promise<Puppet> {
    return Puppet.join(this.stage, name, { role, maySubmit });
  }

  seen(): Seen {
    const { operations: done, refusedNotPermitted: refused } = this.security.audit.counters;
    const rows = this.leader?.status().nodes ?? [];
    const handlers = rows.map(({ node, handlers: types }) => `${node}: ${types.join(' ')}`).join(', ');
    return { runs: this.#runs, operations: done, refused, handlers };
  }
}

/** What is seen of a thing that was done. */
function assertDone(probe: Probe, { before, after }: { before: Seen; after: Seen }, answer: unknown): void {
  const { action, draft } = probe;
  const what = titleOf(probe);
  if (action === 'call' || action === 'emit' || action === 'netmgr.emit') assert.ok(after.runs > before.runs, what);
  if (action === 'call') assert.equal(answer, 'done', what);
  if (action === 'register') assert.notEqual(after.handlers, before.handlers);
  if (action === 'netmgr.status') assert.equal((answer as { cluster?: unknown }).cluster, 'test', what);
  if (action === 'status of a node') assert.equal((answer as { node?: unknown }).node, 'w1', what);
  const isAudited = draft.type.startsWith('netmgr.') && !/\.(status|emit)$/.test(draft.type);
  assert.equal(after.operations - before.operations, isAudited ? 1 : 0, what);
}

describe('the table', () => {
  test('has every operation that a leader answers, and no other', () => {
    const answered = Object.values(operations).filter((type) => typeof type === 'string');
    assert.deepEqual([...OPERATIONS].sort(), answered.sort());
  });

  test('is tried in full: every action, every kind, and what is not in it', () => {
    const tried = new Set(PROBES.map(({ action }) => action));
    assert.deepEqual(tried, new Set([...Object.keys(AUTHORISATION), undefined]));
    assert.deepEqual(new Set(PROBES.map(({ draft }) => draft.kind)), new Set(MESSAGE_KINDS));
  });
});

for (const attempt of ATTEMPTS) {
  test(`${nameOf(attempt)}, live: what the table allows is done, anything else ends the connection`, async () => {
    const cluster = new Cluster();
    await using _stage = cluster.stage;
    await cluster.open();
    const { clock } = cluster.stage;
    for (const [index, probe] of PROBES.entries()) {
      const puppet = await cluster.join(`p${index}`, attempt);
      const before = cluster.seen();
      const id = puppet.say(probe.draft);
      await clock.advance(20);
      const after = cluster.seen();
      const answer = puppet.answerTo(id);
      const what = `${titleOf(probe)}: ${JSON.stringify(answer)}`;
      const isRefused = /^NOT_ALLOWED/.test(String(answer));
      if (isAllowed(attempt, probe.action)) {
        assert.ok(puppet.connected && !isRefused, what);
        assert.equal(after.refused, before.refused, what);
        assertDone(probe, { before, after }, answer);
      } else {
        assert.ok(!puppet.connected && isRefused, what);
        assert.deepEqual(after, { ...before, refused: before.refused + 1 }, what);
      }
      await cluster.stage.until(puppet.leave());
    }
  });

  test(`${nameOf(attempt)}, revoked: nothing of what is still under way has an effect, and nobody comes back`, async () => {
    const cluster = new Cluster();
    await using _stage = cluster.stage;
    await cluster.open();
    cluster.security.enrol('device');
    const puppet = await cluster.join('device', attempt);
    const evicted = cluster.leader?.evict('device');
    const before = cluster.seen();
    assert.ok(puppet.connected, 'it does not know yet');
    const ids = PROBES.map(({ draft }) => puppet.say(draft));
    await cluster.stage.clock.advance(1000);
    assert.equal(await evicted, true);
    assert.deepEqual(cluster.seen(), before);
    assert.equal(puppet.connected, false);
    for (const id of ids) assert.equal(puppet.answerTo(id), undefined);
    const again = await cluster.join('device', attempt);
    assert.equal(again.refused?.code, 'EVICTED');
    assert.deepEqual(cluster.seen(), before);
  });
}
