import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Emitter } from '../../src/base/emitter.js';

interface Events {
  readonly joined: { readonly node: string };
  readonly count: number;
}

test('listeners hear their own type, in the order in which they came', () => {
  const emitter = new Emitter<Events>();
  const heard: unknown[] = [];
  emitter.on('joined', ({ node }) => heard.push(['first', node]));
  emitter.on('count', (count) => heard.push(count));
  emitter.on('joined', ({ node }) => heard.push(['second', node]));
  emitter.emit('joined', { node: 'w1' });
  emitter.emit('count', 3);
  assert.deepEqual(heard, [['first', 'w1'], ['second', 'w1'], 3]);
});

test('one listener may be there twice, and each registration ends by itself', () => {
  const emitter = new Emitter<Events>();
  let calls = 0;
  const listener = () => {
    calls += 1;
  };
  const first = emitter.on('count', listener);
  emitter.on('count', listener);
  emitter.emit('count', 1);
  assert.equal(calls, 2);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  emitter.emit('count', 1);
  assert.equal(calls, 3);
});

test('a listener that throws breaks nobody, and is reported', () => {
  const faults: unknown[] = [];
  const emitter = new Emitter<Events>((error, type) => faults.push([(error as Error).message, type]));
  const heard: number[] = [];
  emitter.on('count', () => {
    throw new Error('broken');
  });
  emitter.on('count', (count) => heard.push(count));
  emitter.emit('count', 1);
  assert.deepEqual(heard, [1]);
  assert.deepEqual(faults, [['broken', 'count']]);
  const quiet = new Emitter<Events>();
  quiet.on('count', () => {
    throw new Error('nobody wants to know');
  });
  quiet.emit('count', 1);
});

test('so does one that is async and rejects, once, and no promise is left without a catch', async () => {
  const faults: unknown[] = [];
  const emitter = new Emitter<Events>((error, type) => faults.push([(error as Error).message, type]));
  const fail = (): unknown => Promise.reject(new Error('broken later'));
  emitter.on('count', fail);
  emitter.on('count', (): unknown => Promise.resolve());
  emitter.emit('count', 1);
  assert.deepEqual(faults, []);
  const quiet = new Emitter<Events>();
  quiet.on('count', fail);
  quiet.emit('count', 1);
  await new Promise(setImmediate);
  assert.deepEqual(faults, [['broken later', 'count']]);
});

test('who comes during an event hears the next one; after clear nobody hears', () => {
  const emitter = new Emitter<Events>();
  const heard: string[] = [];
  emitter.on('count', () => {
    heard.push('old');
    if (heard.length === 1) emitter.on('count', () => heard.push('new'));
  });
  emitter.emit('count', 1);
  assert.deepEqual(heard, ['old']);
  emitter.emit('count', 2);
  assert.deepEqual(heard, ['old', 'old', 'new']);
  emitter.clear();
  emitter.emit('count', 3);
  assert.equal(heard.length, 3);
});
