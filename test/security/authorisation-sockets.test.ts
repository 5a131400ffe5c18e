import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { NetworkError } from '../../src/base/errors.js';
import type { Role } from '../../src/base/names.js';
import { createCollaborator, createLeader } from '../../src/index.js';
import { type Handler, handle } from '../../src/manager/handler.js';
import type { Authenticator } from '../../src/network/authenticator.js';
import { LoopbackAuthenticator } from '../../src/network/loopback-authenticator.js';
import type { Collaborator } from '../../src/role/collaborator.js';
import type { Leader } from '../../src/role/leader.js';
import { assertNothingLeft } from '../leaks.js';
import { helloPayload, Stranger, until } from '../network/websocket-nodes.js';
import { ATTEMPTS, type Attempt, isAllowed, nameOf, PROBES, titleOf } from './probes.js';

assertNothingLeft();

const NOT_ALLOWED = 4403;
const ROLES: readonly Role[] = ['collaborator', 'operator', 'observer'];

async function open(leader: Leader, self: string): Promise<Stranger> {
  const socket = new WebSocket(`${leader.address}/`, ['netmgr.v1.json'], { perMessageDeflate: false });
  socket.on('error', () => {});
  await once(socket, 'open');
  return new Stranger(socket, self);
}

/** What a message had better not change. */
const effects = ({ counts, nodes, leader }: ReturnType<Leader['status']>, runs: number) => ({
  counts,
  handlers: nodes.map((row) => row.handlers),
  handled: leader.counters['handled'],
  operations: leader.counters['operations'],
  runs,
});

describe('before authentication', () => {
  let leader: Leader;
  let runs = 0;
  /** Asks for a proof and takes none: whoever is here stays a stranger. */
  const doubtful: Authenticator = {
    name: 'doubtful',
    authenticate: async (_hello, channel) => {
      channel.write('challenge', { nonce: 'x' });
      const { kind, type } = await channel.read();
      throw new NetworkError('NOT_ALLOWED', `${kind} ${type} is no proof`);
    },
  };
  before(async () => {
    const work = handle('work', {}, () => {
      runs += 1;
    });
    leader = await createLeader({ plaintext: true, listen: { port: 0, authenticator: doubtful }, handlers: [work] });
  });
  after(() => leader.stop());

  for (const [when, hello] of [
    ['as the first message', false],
    ['in the place of a proof', true],
  ] as const) {
    test(`nothing but a hello is taken ${when}, and nothing has an effect`, async () => {
      const untouched = effects(leader.status(), runs);
      for (const probe of PROBES) {
        if (probe.draft.type === 'hello' && !hello) continue;
        const stranger = await open(leader, 'stranger');
        if (hello) stranger.say({ kind: 'control', type: 'hello', payload: helloPayload({ role: 'operator' }) });
        const id = stranger.say({ ...probe.draft });
        await until(() => stranger.closeCode !== undefined, `${titleOf(probe)} ${when} to be refused`);
        assert.equal(stranger.closeCode, hello ? NOT_ALLOWED : 4400, titleOf(probe));
        assert.ok(!stranger.messages.some(({ re, kind }) => re === id && kind === 'response'), titleOf(probe));
      }
      assert.deepEqual(effects(leader.status(), runs), untouched);
    });
  }
});

for (const attempt of ATTEMPTS) {
  describe(`${nameOf(attempt)}, live`, () => {
    let leader: Leader;
    let worker: Collaborator;
    let runs = 0;
    before(async () => {
      const work: Handler = handle('work', {}, () => {
        runs += 1;
      });
      const authenticator = new LoopbackAuthenticator({ roles: ROLES, maySubmit: attempt.maySubmit });
      leader = await createLeader({ plaintext: true, listen: { port: 0, authenticator }, handlers: [work] });
      worker = await createCollaborator({ leader: leader.address, plaintext: true, name: 'w1', handlers: [work] });
      await until(() => leader.status().counts.alive === 1, 'w1 to be alive');
    });
    after(async () => {
      await worker.stop();
      await leader.stop();
    });

    test('what is not allowed closes the connection with 4403, says why, is counted, and has no effect', async () => {
      const denied = PROBES.filter(({ action }) => !isAllowed(attempt, action));
      for (const [index, probe] of denied.entries()) {
        const stranger = await welcomed(leader, `p${index}`, attempt);
        const untouched = effects(leader.status(), runs);
        const id = stranger.say({ ...probe.draft });
        await until(() => stranger.closeCode !== undefined, `${titleOf(probe)} to be refused`);
        assert.equal(stranger.closeCode, NOT_ALLOWED, titleOf(probe));
        assert.equal(stranger.error('connection')?.code, 'NOT_ALLOWED', titleOf(probe));
        assert.ok(!stranger.messages.some(({ re, kind }) => re === id && kind === 'response'), titleOf(probe));
        assert.deepEqual({ ...effects(leader.status(), runs), counts: 0 }, { ...untouched, counts: 0 }, titleOf(probe));
      }
      assert.equal(leader.status().leader.counters['refusedNotPermitted'], denied.length);
    });
  });
}

async function welcomed(leader: Leader, self: string, { role }: Attempt): Promise<Stranger> {
  const stranger = await open(leader, self);
  stranger.say({ kind: 'control', type: 'hello', payload: helloPayload({ role, instance: `of-${self}` }) });
  await until(() => stranger.messages.some(({ type }) => type === 'welcome'), 'the welcome');
  return stranger;
}
