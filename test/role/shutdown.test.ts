import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkError } from '../../src/base/errors.js';
import { handle } from '../../src/manager/handler.js';
import { assertNothingLeft } from '../leaks.js';
import { Puppet } from './puppet.js';
import { Stage } from './stage.js';

assertNothingLeft();

const hang = handle('hang', {}, () => new Promise(() => {}));
const echo = handle('echo', {}, (payload) => payload);

test('a leader that stops hands on nothing new, ends what is on its way at its deadline, and still says goodbye', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const w1 = await stage.collaborator('w1', [hang, echo]);
  const puppet = await Puppet.join(stage, 'puppet');
  puppet.say({ kind: 'request', type: 'hang', to: 'w1', ttl: 60_000 });
  await stage.clock.advance(50);
  const farewells: boolean[] = [];
  w1.on('leader', (event) => {
    if (event.type === 'lost') farewells.push(event.left);
  });
  const startedAt = stage.clock.now();
  const stopped = leader.stop({ graceMs: 300 });
  const late = puppet.say({ kind: 'request', type: 'echo', to: 'w1', payload: 1 });
  await stage.clock.advance(20);
  assert.equal(puppet.answerTo(late), 'UNREACHABLE leader is shutting down');
  await stage.until(stopped);
  const tookMs = stage.clock.now() - startedAt;
  assert.ok(tookMs >= 290 && tookMs < 600, `${tookMs} ms`);
  await stage.clock.advance(50);
  assert.deepEqual(farewells, [true]);
});

test('who asks again when a request fails does not keep a stopped node busy', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  await stage.collaborator('w1', [hang]);
  const codes: string[] = [];
  const insist = (): Promise<unknown> =>
    leader.request('hang', null, { to: 'w1', timeoutMs: 30_000 }).catch(({ code }: NetworkError) => {
      codes.push(code);
      return codes.length < 5 ? insist() : undefined;
    });
  const insisting = insist();
  await stage.clock.advance(50);
  const before = stage.clock.now();
  await stage.until(leader.stop({ graceMs: 100 }));
  await stage.until(insisting);
  assert.ok(stage.clock.now() - before < 1_000, 'none of them waits for its deadline');
  assert.deepEqual(codes, Array(5).fill('STOPPED'));
});

test('the handler of an event is told when its node stops', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  let reason: NetworkError | undefined;
  const watch = handle('watch', {}, (_payload, { signal }) => {
    return new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => {
        reason = signal.reason;
        resolve();
      }),
    );
  });
  const w1 = await stage.collaborator('w1', [watch]);
  leader.emit('watch', null, { to: 'w1' });
  await stage.clock.advance(50);
  await stage.until(w1.stop({ graceMs: 100 }));
  assert.equal(reason?.code, 'CLOSED');
});

test('what waits for a handler that was replaced is refused at a stop, not begun', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  let begun = 0;
  const one = handle('one', { concurrency: 1 }, async (_payload, { clock }) => {
    begun += 1;
    await new Promise<void>((resolve) => clock.setTimer(200, resolve));
    return begun;
  });
  const w1 = await stage.collaborator('w1', [one]);
  const asked = Array.from({ length: 4 }, () => leader.request('one', null, { to: 'w1' }));
  const outcomes = Promise.allSettled(asked);
  for (let i = 0; i < 3; i += 1) leader.emit('one', null, { to: 'w1' });
  await stage.clock.advance(50);
  w1.handle(one);
  await stage.until(w1.stop({ graceMs: 5_000 }));
  await stage.clock.advance(5_000);
  const codes = (await stage.until(outcomes)).map((end) => (end.status === 'rejected' ? end.reason.code : end.value));
  assert.deepEqual(codes, [1, 'UNREACHABLE', 'UNREACHABLE', 'UNREACHABLE']);
  assert.equal(begun, 1);
});

test('a handler may return any thenable, and one that misbehaves ends once', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const thenables: Record<string, (resolve: (value: unknown) => void) => void> = {
    twice: (resolve) => {
      resolve(1);
      resolve(2);
    },
    throws: () => {
      throw new TypeError('no then today');
    },
  };
  const odd = handle('odd', { concurrency: 1 }, (name) => {
    return Object.fromEntries([['then', thenables[String(name)]]]);
  });
  const w1 = await stage.collaborator('w1', [odd]);
  for (let round = 0; round < 3; round += 1) {
    assert.equal(await stage.until(leader.request('odd', 'twice')), 1);
    await assert.rejects(stage.until(leader.request('odd', 'throws')), /no then today/);
  }
  assert.equal(w1.status().slots.busy, 0);
});
