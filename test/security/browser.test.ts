import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLeader } from '../../src/index.js';
import { assertNothingLeft } from '../leaks.js';
import { browse, withChromium } from './chromium.js';
import { Fortress } from './fortress.js';

assertNothingLeft();

const WAYS = ['WebSocket ', 'cors GET', 'cors POST', 'cors PUT', 'cors DELETE', 'no-cors POST', 'navigate'];

function assertNothingGot(attempts: Awaited<ReturnType<typeof browse>>): void {
  for (const way of WAYS) assert.ok(attempts.filter(({ what }) => what === way).length >= 3, way);
  for (const { page, what, outcome } of attempts) {
    // Of an answer that is opaque a page sees nothing, not even its status.
    const nothing = what.startsWith('no-cors') ? ['refused', 'opaque'] : ['refused'];
    assert.ok(nothing.includes(outcome), `${page}: ${what}: ${outcome}`);
  }
}

test('no page in Chromium gets anything from a leader', withChromium, async () => {
  await using fortress = await Fortress.open();
  const { sessions, enrolments } = fortress.security.counters;
  assertNothingGot(await browse('https', fortress.port));
  assert.ok(fortress.counter('httpRefused') >= 30, `${fortress.counter('httpRefused')} requests arrived`);
  assert.deepEqual([fortress.counter('sessions'), fortress.counter('enrolments')], [sessions, enrolments]);
  assert.equal(fortress.leader.status().nodes.length, 1);
  await fortress.assertHonestServed();
});

test('no page in Chromium gets anything from a leader in plaintext either', withChromium, async () => {
  await using leader = await createLeader({ listen: { port: 0 }, plaintext: true });
  assertNothingGot(await browse('http', Number(new URL(leader.address).port)));
  const { httpRefused = 0, joinsRefused } = leader.status().leader.counters;
  assert.ok(httpRefused >= 30, `${httpRefused} requests arrived`);
  assert.equal(joinsRefused, 0);
  assert.deepEqual(leader.status().nodes, []);
});
