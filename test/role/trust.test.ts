import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handle } from '../../src/manager/handler.js';
import type { MessageDraft } from '../../src/message/message.js';
import { assertNothingLeft } from '../leaks.js';
import { Puppet } from './puppet.js';
import { Stage } from './stage.js';

assertNothingLeft();

const slowly = handle('slow', {}, async (_payload, { clock }) => {
  await new Promise<void>((resolve) => clock.setTimer(200, resolve));
  return 'genuine';
});

test('only the node that was asked can answer, however well another one guesses the id', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  await stage.collaborator('w1', [slowly]);
  const forger = await Puppet.join(stage, 'forger');
  const asked = leader.request('slow', null, { to: 'w1' });
  for (let counter = 1; counter < 100; counter += 1) {
    forger.say({ kind: 'response', type: 'slow', re: `${forger.leader.instance}-${counter}`, payload: 'forged' });
  }
  assert.equal(await stage.until(asked), 'genuine');
  assert.equal(leader.status().leader.counters['foreignAnswers'], 1);
});

test('two askers may choose the same id: both are served, and neither can cancel the other', async () => {
  await using stage = new Stage();
  const leader = await stage.leader({ handlers: [slowly] });
  await stage.collaborator('w1', [slowly]);
  const one = await Puppet.join(stage, 'one');
  const two = await Puppet.join(stage, 'two');
  for (const to of [undefined, 'w1']) {
    const id = `same-${to === undefined ? 1 : 2}`;
    one.say({ id, kind: 'request', type: 'slow', to, ttl: 5000 });
    two.say({ id, kind: 'request', type: 'slow', to, ttl: 5000 });
    await stage.clock.advance(50);
    two.say({ kind: 'control', type: 'cancel', re: id });
    await stage.clock.advance(500);
    assert.equal(one.answerTo(id), 'genuine');
    assert.notEqual(two.answerTo(id), 'genuine');
  }
  assert.equal(leader.status().leader.counters['duplicates'], 0);
});

test('a control message that breaks a rule is answered with the field and the rule, and counted', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const puppet = await Puppet.join(stage, 'puppet');
  const register = (fields: object) =>
    puppet.say({ kind: 'control', type: 'register', payload: { sequence: 1, handlers: [], ...fields } });
  const cases: readonly (readonly [string, RegExp])[] = [
    [register({ handlers: Array.from({ length: 1001 }, (_, i) => `h${i}`) }), /handlers: .* at most 1000/],
    [register({ handlers: ['a\u0007b'] }), /handlers: 'a\\x07b' is not a message type/],
    [register({ handlers: ['netmgr.status'] }), /handlers: .*netmgr\.status.* reserved/],
    [register({ sequence: 'one' }), /sequence: a number from 0/],
    [register({ slots: 70_000 }), /slots: a number from 0 to 65536/],
    [register({ tags: { note: 'x'.repeat(257) } }), /tags\.note: .* 256 characters/],
    [register({ tags: { 'no space': 'x' } }), /tags: 'no space' is not a tag name/],
    [puppet.say({ kind: 'control', type: 'register', payload: 7 }), /payload of 'register': an object/],
    [puppet.say({ kind: 'heartbeat', type: 'heartbeat', payload: { busy: -1 } }), /busy: a number from 0/],
  ];
  await stage.clock.advance(100);
  for (const [id, text] of cases) assert.match(String(puppet.answerTo(id)), text);
  for (const [id] of cases) assert.match(String(puppet.answerTo(id)), /^INVALID_MESSAGE /);
  assert.equal(leader.status().leader.counters['refusedMessages'], cases.length);
  assert.equal(leader.status().nodes[0]?.status, 'joining');
});

test('a node that names a handler many times is picked no more often for it', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  const greedy = await Puppet.join(stage, 'greedy');
  greedy.say({ kind: 'control', type: 'register', payload: { sequence: 1, handlers: Array(500).fill('job') } });
  await stage.clock.advance(100);
  assert.deepEqual(leader.status().nodes[0]?.handlers, ['job']);
});

test('an observer looks, and does nothing else', async () => {
  await using stage = new Stage();
  let runs = 0;
  const work = handle('work', {}, () => {
    runs += 1;
  });
  const leader = await stage.leader({ handlers: [work] });
  await stage.collaborator('w1', [work], { listen: true });
  const observer = await stage.operator('eye', 'observer');
  assert.equal((await stage.until(observer.status())).nodes.length, 1);
  const drafts: MessageDraft[] = [];
  for (const to of [undefined, 'leader', '?', 'w1']) drafts.push({ kind: 'request', type: 'work', to });
  for (const to of [undefined, '*', '?', 'w1']) drafts.push({ kind: 'event', type: 'work', to });
  drafts.push({ kind: 'request', type: 'netmgr.evict', payload: { node: 'w1' } });
  const tries = drafts.map((draft) => ({ draft, dial: 'leader' }));
  tries.push({ draft: { kind: 'request', type: 'work' }, dial: 'w1' });
  for (const [index, { draft, dial }] of tries.entries()) {
    const puppet = await Puppet.join(stage, `eye-${index}`, { role: 'observer', dial });
    const id = puppet.say(draft);
    await stage.clock.advance(500);
    assert.match(String(puppet.answerTo(id)), /^NOT_ALLOWED /);
    assert.equal(puppet.connected, false, `${draft.kind} ${draft.type} to ${draft.to} at ${dial}`);
  }
  assert.equal(runs, 0);
  assert.equal(leader.status().nodes[0]?.status, 'alive');
});

test('a collaborator hands nothing on: what comes through its own socket for another node does not run here', async () => {
  await using stage = new Stage();
  await stage.leader();
  const ran: string[] = [];
  const work = handle('work', {}, (_payload, { message }) => void ran.push(String(message.to)));
  await stage.collaborator('w1', [work], { listen: true });
  const client = await Puppet.join(stage, 'client', { role: 'operator', dial: 'w1' });
  const elsewhere = client.say({ kind: 'request', type: 'work', to: 'w2' });
  client.say({ kind: 'event', type: 'work', to: 'w2' });
  for (const to of [undefined, 'w1', '?', '*']) client.say({ kind: 'event', type: 'work', to });
  await stage.clock.advance(100);
  assert.match(String(client.answerTo(elsewhere)), /^UNREACHABLE .*w1 hands nothing on to w2/);
  assert.deepEqual(ran, ['undefined', 'w1', '?', '*']);
});

test('a collaborator does not look into another one, an operator may', async () => {
  await using stage = new Stage();
  await stage.leader();
  await stage.collaborator('w1');
  const curious = await Puppet.join(stage, 'curious');
  const operator = await Puppet.join(stage, 'op', { role: 'operator' });
  const refused = curious.say({ kind: 'request', type: 'netmgr.status', to: 'w1' });
  const allowed = operator.say({ kind: 'request', type: 'netmgr.status', to: 'w1' });
  await stage.clock.advance(100);
  assert.match(String(curious.answerTo(refused)), /^NOT_ALLOWED .*'netmgr\.status'/);
  assert.equal((operator.answerTo(allowed) as { node?: string }).node, 'w1');
});

test('one node can keep only so many requests on their way, and the others are not held up by it', async () => {
  await using stage = new Stage();
  const leader = await stage.leader();
  await Puppet.join(stage, 'mute');
  const asker = await stage.collaborator('asker');
  await stage.collaborator('w1', [handle('echo', {}, (payload) => payload)]);
  const hoarder = await Puppet.join(stage, 'hoarder');
  const big = 'x'.repeat(1_000_000);
  const ids: string[] = [];
  for (let i = 0; i < 80; i += 1) {
    ids.push(hoarder.say({ kind: 'request', type: 'any', to: 'mute', ttl: 600_000_000, payload: big }));
    if (i % 2 === 0) await stage.clock.advance(20);
  }
  await stage.clock.advance(100);
  assert.match(
    String(hoarder.answerTo(ids.at(-1) as string)),
    /^BACKPRESSURE .*hoarder.* bytes of requests on their way/,
  );
  assert.ok((leader.status().leader.counters['relaysRefused'] ?? 0) >= 1);
  assert.equal(await stage.until(asker.request('echo', 5, { to: 'w1' })), 5);
  await stage.until(hoarder.leave());
  await stage.clock.advance(100);
  const back = await Puppet.join(stage, 'hoarder');
  const again = back.say({ kind: 'request', type: 'echo', to: 'w1', payload: 6 });
  await stage.clock.advance(100);
  assert.equal(back.answerTo(again), 6, 'when those are gone there is room again');
});
