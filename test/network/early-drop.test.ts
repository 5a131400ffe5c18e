import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Waiting, whoMakesRoom } from '../../src/network/framed/early-drop.js';

const GRACE_MS = 1_000;
const NOW = 10_000;

/** @param text of each socket, in the order of arrival: its address, and how far it is */
function crowd(text: string) {
  const waiting = new Map<string, Waiting>();
  const perAddress = new Map<string | undefined, number>();
  for (const [i, word] of text.split(' ').entries()) {
    const ip = word[0] === '?' ? undefined : word[0];
    const since = word.includes('!') ? NOW - GRACE_MS : NOW;
    waiting.set(`${i}:${word}`, { ip, silent: word.includes('.'), since });
    perAddress.set(ip, (perAddress.get(ip) ?? 0) + 1);
  }
  return { waiting, perAddress };
}

/** `a.` is silent, `a` speaks, `a!` has done so for long; `?` has no address yet. */
const CASES: readonly [name: string, crowd: string, newcomer: string | undefined, room: string | undefined][] = [
  ['the oldest silent one of the address that has most', 'b. a a. a. c.', 'd', '2:a.'],
  ['the oldest of it that speaks, if none is silent', 'b. a a a c.', 'd', '1:a'],
  ['where all have as many, the oldest silent one', 'a b. c. d!', 'e', '1:b.'],
  ['where all have as many and speak, the oldest that had time to get in', 'a b! c! d', 'e', '1:b!'],
  ['nobody who is about to get in', 'a b c d', 'e', undefined],
  ['nobody of an address that has fewer than the newcomer’s', 'a. b b c! c', 'b', '3:c!'],
  ['nobody, if only those are silent', 'a. b b b c c c', 'b', undefined],
  ['one of its own address, if that has most', 'a. b! b b c', 'b', '1:b!'],
  ['one of those whose address nobody knows yet, which count together', 'a ?. ?. ? b', 'c', '1:?.'],
  ['for one whose address nobody knows yet', 'a a a b', undefined, '0:a'],
];

for (const [name, text, ip, room] of CASES) {
  test(`room is made by ${name}`, () => {
    assert.equal(whoMakesRoom(crowd(text), { ip, now: NOW, graceMs: GRACE_MS }), room);
  });
}

test('a newcomer of an address with few sockets is never turned away by one with many', () => {
  const address = fc.constantFrom('a', 'b', 'c');
  const word = fc.tuple(address, fc.constantFrom('', '.', '!')).map(([ip, how]) => `${ip}${how}`);
  fc.assert(
    fc.property(fc.array(word, { minLength: 4 }), (words) => {
      const { waiting, perAddress } = crowd(words.join(' '));
      const room = whoMakesRoom({ waiting, perAddress }, { ip: 'd', now: NOW, graceMs: GRACE_MS });
      const most = Math.max(...perAddress.values());
      assert.equal(perAddress.get(waiting.get(room ?? '')?.ip), most);
    }),
  );
});
