import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { AbortWatch } from '../../src/base/abort-watch.js';

test('a thousand things on one signal are one listener, and each is told once', () => {
  const told: number[] = [];
  const watch = new AbortWatch<number>((item) => told.push(item));
  const controller = new AbortController();
  for (let i = 0; i < 1000; i += 1) watch.add(controller.signal, i);
  assert.equal(getEventListeners(controller.signal, 'abort').length, 1);
  watch.remove(controller.signal, 7);
  controller.abort();
  assert.equal(told.length, 999);
  assert.ok(!told.includes(7));
  assert.equal(watch.size, 0);
});

test('nothing is listened to any more once the last thing is removed', () => {
  const watch = new AbortWatch<string>(() => assert.fail('nobody is left to be told'));
  const controller = new AbortController();
  watch.add(controller.signal, 'a');
  watch.add(controller.signal, 'b');
  watch.remove(controller.signal, 'a');
  watch.remove(controller.signal, 'b');
  watch.remove(controller.signal, 'b');
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  controller.abort();
});
