import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkError } from '../../src/base/errors.js';
import { handle } from '../../src/manager/handler.js';
import type { Priority } from '../../src/message/message.js';
import { assertNothingLeft } from '../leaks.js';
import { Stage } from './stage.js';

assertNothingLeft();

const refused = (code: string, text: RegExp) => (error: NetworkError) => {
  assert.equal(error.code, code, error.message);
  assert.match(error.message, text);
  return true;
};

const echo = handle('echo', {}, (payload) => payload);

test('a message that breaks a rule is refused where it is made, however often, and nobody is cut off for it', async () => {
  await using stage = new Stage();
  const leader = await stage.leader({ handlers: [echo] });
  const w1 = await stage.collaborator('w1', [echo]);
  const operator = await stage.operator();
  const odd: readonly (readonly [string, object, RegExp])[] = [
    ['no such type', {}, /^type: 'no such type' is not a message type/],
    ['echo', { priority: 'urgent' as Priority }, /^priority: 'urgent' is not a priority/],
    ['echo', { component: '' }, /^component: '' is not a component/],
    ['echo', { timeoutMs: Number.NaN }, /^timeoutMs: NaN is not .*604800000/],
    ['echo', { timeoutMs: Number.POSITIVE_INFINITY }, /^timeoutMs: Infinity/],
    ['echo', { timeoutMs: -1 }, /^timeoutMs: -1/],
    ['echo', { to: 'No Node' }, /^to: 'No Node' is not a node name/],
  ];
  for (let round = 0; round < 5; round += 1) {
    for (const [type, options, text] of odd) {
      const check = refused('INVALID_OPTION', text);
      await assert.rejects(leader.request(type, 1, { to: 'w1', ...options }), check);
      await assert.rejects(w1.request(type, 1, options), check);
      await assert.rejects(operator.call(type, 1, options), check);
      if ('timeoutMs' in options) continue;
      assert.throws(() => leader.emit(type, 1, { to: 'w1', ...options }), check);
      assert.throws(() => w1.emit(type, 1, options), check);
      if ('to' in options) continue;
      assert.throws(() => leader.broadcast(type, 1, options), check);
    }
  }
  await assert.rejects(leader.request('no such type'), refused('INVALID_OPTION', /^type/));
  await stage.clock.advance(500);
  assert.equal(await stage.until(leader.request('echo', 2, { to: 'w1' })), 2);
  assert.equal(await stage.until(w1.request('echo', 3)), 3);
});

test('an order that is wrong is answered by the field, not as a fault of the leader', async () => {
  await using stage = new Stage();
  await stage.leader();
  const operator = await stage.operator();
  const emit = (payload: unknown) => stage.until(operator.call('netmgr.emit', payload, { to: 'leader' }));
  await assert.rejects(emit({ type: 'a b', nodes: [] }), refused('INVALID_PAYLOAD', /^type: 'a b'/));
  await assert.rejects(emit({ type: 'a', nodes: ['*'] }), refused('INVALID_MESSAGE', /^nodes: a list of node names/));
  await assert.rejects(emit(7), refused('INVALID_MESSAGE', /payload of 'netmgr.emit': an object/));
});
