import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { LogSink } from '../../src/cli/log-sink.js';
import { assertNothingLeft } from '../leaks.js';

const clock = new VirtualClock();
assertNothingLeft(clock);

type Done = (error: NodeJS.ErrnoException | null, written: number) => void;

/** Takes what it is told to take, when it is told to. */
class Reader {
  text = '';
  #asked: { readonly bytes: Uint8Array; readonly done: Done } | undefined;

  readonly write = (bytes: Uint8Array, done: Done): void => {
    assert.equal(this.#asked, undefined, 'one write at a time');
    this.#asked = { bytes, done };
  };

  get asked(): number | undefined {
    return this.#asked?.bytes.length;
  }

  take(count = Number.POSITIVE_INFINITY): void {
    const { bytes, done } = this.#ask();
    const taken = bytes.subarray(0, Math.min(count, bytes.length));
    this.text += Buffer.from(taken).toString('latin1');
    done(null, taken.length);
  }

  refuse(code: string): void {
    this.#ask().done(Object.assign(new Error(code), { code }), 0);
  }

  #ask() {
    const asked = this.#asked;
    assert.ok(asked, 'nothing is being written');
    this.#asked = undefined;
    return asked;
  }
}

test('lines arrive in order, whole, whatever is taken at once', async () => {
  const reader = new Reader();
  const sink = new LogSink(clock, reader.write);
  sink.write('one\n');
  sink.write('two\n');
  sink.write('three\n');
  reader.take(2);
  reader.take();
  reader.take(1);
  reader.take(0);
  assert.equal(reader.asked, undefined, 'what takes nothing is not asked again at once');
  await clock.advance(100);
  const closed = sink.close();
  reader.take();
  await closed;
  assert.equal(reader.text, 'one\ntwo\nthree\n');
  assert.equal(reader.asked, undefined);
});

test('a pipe that is full is tried again; lines beyond the bound are dropped and counted', async () => {
  const reader = new Reader();
  const sink = new LogSink(clock, reader.write);
  const line = `${'x'.repeat(1023)}\n`;
  sink.write(line);
  for (let round = 0; round < 5; round += 1) {
    reader.refuse('EAGAIN');
    await clock.advance(100);
  }
  for (let index = 1; index < 1024 + 7; index += 1) sink.write(line);
  assert.equal(sink.dropped, 7);
  reader.take();
  reader.take();
  assert.equal(reader.text.length, 1024 * 1024);
  sink.write('more\n');
  reader.take();
  assert.equal(sink.dropped, 7);
  await sink.close();
});

test('closing waits for a second, no longer; a descriptor that is gone is given up', async () => {
  const reader = new Reader();
  const sink = new LogSink(clock, reader.write);
  sink.write('never\n');
  reader.refuse('EAGAIN');
  const closed = sink.close();
  await clock.advance(500);
  reader.refuse('EAGAIN');
  await clock.advance(500);
  await closed;
  sink.write('late\n');
  assert.equal(sink.dropped, 1);
  const gone = new LogSink(clock, reader.write);
  if (reader.asked !== undefined) reader.refuse('EAGAIN');
  gone.write('x\n');
  reader.refuse('EPIPE');
  gone.write('y\n');
  assert.equal(gone.dropped, 1);
  await gone.close();
  assert.equal(reader.asked, undefined);
});
