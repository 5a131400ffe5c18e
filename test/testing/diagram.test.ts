import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HubEntry } from '../../src/network/memory/history.js';
import { sequenceDiagram } from '../../src/testing/diagram.js';

const message = (at: number, what: string, way: string, type = 'vote'): HubEntry => {
  const [from = '', to = ''] = way.split('>');
  return { at, what, from, to, message: { kind: 'event', type } };
};

test('arrows, fates and notes, in columns', () => {
  const text = sequenceDiagram([
    { at: 0, what: 'connect', from: 'one', to: 'two' },
    message(1, 'deliver', 'one>two'),
    message(2, 'drop', 'three>one'),
    { at: 2.5, what: 'note', from: 'two', detail: 'is elected' },
    message(3, 'duplicate', 'two>three', 'a-type-that-is-far-too-long-for-any-column'),
    { at: 4, what: 'partition', from: 'one', to: 'two' },
    message(1200.25, 'corrupt', 'two>one'),
    { at: 1300, what: 'deliver', from: 'one', to: 'two', message: { kind: 'heartbeat', type: 'netmgr.beat' } },
  ]);
  assert.equal(
    `\n${text}\n`,
    `
         ms  one                           two                           three
        1.0  o----------- vote ----------->|                             |   event
        2.0  |x------------------------- vote ---------------------------o   event, lost
        2.5  * two: is elected
        3.0  |                             o- a-type-that-is-far-too-l ->|   event, a second time
        4.0  * one -> two: partition
     1200.3  |<---------- vote ------------o                             |   event, damaged
`,
  );
});

test('the last lines are kept, and what is left out is said; everything is shown if asked', () => {
  const events = Array.from({ length: 10 }, (_, i) => message(i, 'deliver', 'a>b'));
  const lines = sequenceDiagram(events, { maxLines: 3 }).split('\n');
  assert.equal(lines.length, 5);
  assert.match(lines[1] ?? '', /\(7 lines before these\)/);
  assert.match(lines.at(-1) ?? '', /^ +9\.0 /);
  const beat: HubEntry = { at: 1, what: 'deliver', from: 'b', to: 'a', message: { kind: 'heartbeat', type: 'beat' } };
  assert.match(sequenceDiagram([beat], { everything: true, nodes: ['a', 'b'] }), /\|<-* beat -*o/);
  assert.doesNotMatch(sequenceDiagram([beat], { nodes: ['a', 'b'] }), /beat/);
});
