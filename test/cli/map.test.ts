import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { NetworkError } from '../../src/base/errors.js';
import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import type { Capacity } from '../../src/cli/map/capacity.js';
import { type EngineParts, MapEngine } from '../../src/cli/map/engine.js';
import { isReached, parseHalt } from '../../src/cli/map/halt.js';
import { type InputItem, readItems } from '../../src/cli/map/input.js';
import { digestOf, formatRow, Joblog, parseRow, readJoblog } from '../../src/cli/map/joblog.js';
import { ReadAhead } from '../../src/cli/map/read-ahead.js';
import type { MapResult } from '../../src/cli/map/result.js';
import type { OperatorApi } from '../../src/role/operator-api.js';
import { assertNothingLeft } from '../leaks.js';

const clock = new VirtualClock();
assertNothingLeft(clock);
const directory = mkdtempSync(join(tmpdir(), 'netmgr-map-'));
after(() => rmSync(directory, { recursive: true }));

async function* chunks(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

async function itemsOf(parts: readonly Uint8Array[], separator: '\n' | '\0' = '\n'): Promise<string[]> {
  const texts: string[] = [];
  for await (const item of readItems(chunks(parts), separator)) {
    assert.equal(item.index, texts.length);
    texts.push(item.text);
  }
  return texts;
}

test('lines are the same however the bytes are split', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'ü', '漢', '😀', ' ') }), { minLength: 1 }),
      fc.array(fc.nat(40), { maxLength: 10 }),
      async (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const parts: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) {
          parts.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        parts.push(bytes.subarray(at));
        assert.deepEqual(await itemsOf(parts), lines);
      },
    ),
    { numRuns: 300 },
  );
});

test('the end of the last line may be missing, CRLF is a line end, NUL separates names with newlines', async () => {
  assert.deepEqual(await itemsOf([Buffer.from('a\r\nb\n\nc')]), ['a', 'b', '', 'c']);
  assert.deepEqual(await itemsOf([Buffer.from('a\nb\0c\r\0')], '\0'), ['a\nb', 'c\r']);
  assert.deepEqual(await itemsOf([]), []);
});

test('reading ahead is bounded, keeps the order, and knows the length once the end was read', async () => {
  let read = 0;
  async function* source(): AsyncGenerator<InputItem> {
    for (let index = 0; index < 1000; index += 1) {
      read += 1;
      yield { index, text: 'x'.repeat(10) };
    }
  }
  const ahead = new ReadAhead(source(), { maxItems: 20, maxCharacters: 100 });
  const first = await ahead.next();
  assert.equal(first?.index, 0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(read <= 12, `${read} items read`);
  assert.equal(ahead.total, undefined);
  for (let index = 1; index < 1000; index += 1) assert.equal((await ahead.next())?.index, index);
  assert.equal(await ahead.next(), undefined);
  assert.equal(ahead.total, 1000);
});

test('an input that breaks is told after the items before it', async () => {
  async function* source(): AsyncGenerator<InputItem> {
    yield { index: 0, text: 'a' };
    throw new Error('disk on fire');
  }
  const ahead = new ReadAhead(source());
  assert.equal((await ahead.next())?.text, 'a');
  await assert.rejects(() => ahead.next(), /disk on fire/);
});

async function* numbered(texts: readonly string[]): AsyncGenerator<InputItem> {
  for (const [index, text] of texts.entries()) yield { index, text };
}

interface Lab {
  readonly engine: MapEngine;
  readonly printed: MapResult[];
  readonly capacity: { slots: number; absentMs: number };
  readonly run: Promise<void>;
}

type Call = (text: string, signal: AbortSignal) => Promise<unknown>;

function lab(texts: readonly string[], call: Call, parts: Partial<EngineParts> = {}): Lab {
  const printed: MapResult[] = [];
  const capacity = { slots: 2, absentMs: 0 };
  const operator = {
    call: async (_type: string, payload: unknown, options: { signal: AbortSignal }) => ({
      node: 'w1',
      payload: await call(String(payload), options.signal),
    }),
  };
  const engine = new MapEngine({
    operator: operator as unknown as OperatorApi,
    capacity: capacity as unknown as Capacity,
    clock,
    random: seededRandom('map'),
    type: 'double',
    timeoutMs: 60_000,
    retries: 3,
    priority: 'normal',
    forceJson: false,
    onRetry: () => {},
    input: new ReadAhead(numbered(texts)),
    jobs: undefined,
    keepOrder: false,
    halt: undefined,
    isDone: () => false,
    print: async (result) => void printed.push(result),
    record: () => {},
    progress: () => {},
    ...parts,
  });
  return { engine, printed, capacity, run: engine.run() };
}

const pass = (ms: number): Promise<void> => clock.advance(ms);
const wait = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimer(ms, resolve));
const indexes = (printed: readonly MapResult[]): number[] => printed.map(({ index }) => index);

test('each input gives one line, in the order in which they are done; --keep-order gives that of the inputs', async () => {
  const slowFirst: Call = (text) => wait(text === '0' ? 100 : 10).then(() => `${text}!`);
  const texts = ['0', '1', '2', '3', '4', '5'];
  const free = lab(texts, slowFirst);
  await pass(1000);
  await free.run;
  assert.deepEqual(indexes(free.printed), [1, 2, 3, 4, 5, 0]);
  const ordered = lab(texts, slowFirst, { keepOrder: true });
  await pass(1000);
  await ordered.run;
  assert.deepEqual(indexes(ordered.printed), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(ordered.printed[3], { index: 3, node: 'w1', ok: true, ms: 10, payload: '3!' });
  assert.equal(ordered.engine.exhausted, true);
  const slowly: MapResult[] = [];
  const print = async (result: MapResult) => {
    await wait(5);
    slowly.push(result);
  };
  const paced = lab(texts, slowFirst, { keepOrder: true, print });
  await pass(1000);
  await paced.run;
  assert.deepEqual(indexes(slowly), [0, 1, 2, 3, 4, 5]);
});

test('twice the slots are in flight, and it follows when collaborators come', async () => {
  let running = 0;
  let most = 0;
  const call: Call = async () => {
    running += 1;
    most = Math.max(most, running);
    await wait(10);
    running -= 1;
  };
  const texts = Array.from({ length: 100 }, (_, index) => String(index));
  const { run, engine, capacity } = lab(texts, call);
  await pass(50);
  assert.equal(most, 4);
  capacity.slots = 5;
  engine.changed();
  await pass(1000);
  await run;
  assert.equal(most, 10);
});

test('what may pass is tried again, what may not is not, and busy is no failure', async () => {
  const calls = new Map<string, number>();
  const call: Call = async (text) => {
    const number = (calls.get(text) ?? 0) + 1;
    calls.set(text, number);
    if (text === 'lost' && number <= 3) throw new NetworkError('CLOSED', 'member lost');
    if (text === 'bad') throw new NetworkError('HANDLER_FAILED', 'no', { node: 'w1' });
    if (text === 'hopeless') throw new NetworkError('CLOSED', 'again and again');
    if (text === 'busy' && number <= 10) throw new NetworkError('OVERLOADED', 'full');
    if (text === 'absent' && number <= 6) throw new NetworkError('NO_TARGET', 'nobody');
    return text;
  };
  const { run, printed, engine } = lab(['lost', 'bad', 'hopeless', 'busy', 'absent', '{oops'], call);
  await pass(300_000);
  await run;
  const codes = Object.fromEntries(printed.map((result) => [result.index, result.ok ? 'ok' : result.error.code]));
  assert.deepEqual(codes, { 0: 'ok', 1: 'HANDLER_FAILED', 2: 'CLOSED', 3: 'ok', 4: 'ok', 5: 'INVALID_PAYLOAD' });
  assert.deepEqual(Object.fromEntries(calls), { lost: 4, bad: 1, hopeless: 4, busy: 11, absent: 7 });
  assert.deepEqual(
    { ok: engine.tally.ok, failed: engine.tally.failed, silent: engine.tally.silent },
    { ok: 3, failed: 2, silent: 1 },
  );
});

test('--halt soon finishes what runs, --halt now cancels it; each taken input still has its line', async () => {
  const call: Call = async (text, signal) => {
    if (text === 'bad') {
      await wait(50);
      throw new NetworkError('HANDLER_FAILED', 'no');
    }
    await Promise.race([
      wait(100),
      new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })),
    ]);
    if (signal.aborted) throw new NetworkError('CANCELLED', 'given up');
    return text;
  };
  const texts = ['a', 'bad', 'b', 'c', 'd', 'e', 'f', 'g'];
  const soon = lab(texts, call, { halt: parseHalt('soon,fail=1') });
  await pass(1000);
  await soon.run;
  assert.deepEqual(indexes(soon.printed), [1, 0, 2, 3]);
  assert.equal(soon.engine.tally.ok, 3);
  assert.equal(soon.engine.exhausted, false);
  const now = lab(texts, call, { halt: parseHalt('now,fail=1') });
  await pass(1000);
  await now.run;
  assert.deepEqual(indexes(now.printed).sort(), [0, 1, 2, 3]);
  assert.equal(now.engine.tally.ok, 0);
});

test('nobody there for a minute ends the run', async () => {
  const { run, engine, capacity } = lab(['a', 'b', 'c'], async () => wait(10), { jobs: 1 });
  capacity.slots = 0;
  await pass(5);
  capacity.absentMs = 61_000;
  await pass(10);
  await run;
  assert.match(engine.stopped ?? '', /nobody has the handler/);
  assert.equal(engine.tally.ok, 1);
});

test('a reader that does not read stops the work, not the memory', async () => {
  let started = 0;
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const call: Call = async () => {
    started += 1;
  };
  const texts = Array.from({ length: 50 }, (_, index) => String(index));
  const { run } = lab(texts, call, { print: () => gate });
  await pass(1000);
  assert.equal(started, 4);
  open();
  await pass(10);
  await run;
  assert.equal(started, 50);
});

test('halting conditions', () => {
  assert.equal(isReached(parseHalt('soon,fail=2'), 1, 100), false);
  assert.equal(isReached(parseHalt('soon,fail=2'), 2, 100), true);
  assert.equal(isReached(parseHalt('now,fail=10%'), 1, 2), false);
  assert.equal(isReached(parseHalt('now,fail=10%'), 1, 10), true);
  for (const text of ['', 'soon', 'later,fail=1', 'now,fail=0', 'now,fail=101%', 'now,fail=-1']) {
    assert.throws(() => parseHalt(text), { exitCode: 2 }, text);
  }
});

const done = (index: number): MapResult => ({ index, node: 'w1', ok: true, ms: 12.5, payload: 'x' });
const failed = (index: number): MapResult => ({
  index,
  node: null,
  ok: false,
  ms: 1,
  error: { code: 'TIMEOUT', message: '\t\n' },
});

test('the joblog has the columns of GNU parallel, never the input, and says what to leave out', async () => {
  const path = join(directory, 'log');
  const item = (index: number): InputItem => ({ index, text: `secret ${index}` });
  const log = new Joblog(path, true);
  log.append(formatRow(done(0), item(0), { type: 'double', endedAt: 1000 }));
  log.append(formatRow(failed(1), item(1), { type: 'double', endedAt: 2000 }));
  log.close();
  const text = readFileSync(path, 'utf8');
  assert.doesNotMatch(text, /secret/);
  const [head, first, second] = text.split('\n');
  assert.equal(head, 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand');
  assert.equal(first, `1\tw1\t0.988\t0.013\t8\t3\t0\t0\tdouble sha256:${digestOf('secret 0')}`);
  assert.equal(parseRow(second ?? '')?.exitCode, 124);

  const resume = await readJoblog(path, true);
  assert.deepEqual(
    [0, 1, 2].map((index) => resume.has(item(index))),
    [true, true, false],
  );
  const again = await readJoblog(path, false);
  assert.deepEqual(
    [0, 1, 2].map((index) => again.has(item(index))),
    [true, false, false],
  );
  assert.equal(resume.has({ index: 0, text: 'another input' }), false);
  assert.equal((await readJoblog(join(directory, 'none'), true)).count, 0);
});

test('a row that was cut off by a crash is no row, and the next one begins a line of its own', async () => {
  const path = join(directory, 'torn');
  const item = (index: number): InputItem => ({ index, text: `in ${index}` });
  const row = (index: number) => formatRow(done(index), item(index), { type: 'd', endedAt: 0 });
  const log = new Joblog(path, true);
  log.append(row(0));
  log.close();
  appendFileSync(path, row(1).slice(0, -5));
  const next = new Joblog(path, false);
  next.append(row(2));
  next.close();
  const known = await readJoblog(path, true);
  assert.deepEqual(
    [0, 1, 2].map((index) => known.has(item(index))),
    [true, false, true],
  );
  appendFileSync(path, `99999999999\tx\t0\t0\t0\t0\t0\t0\td sha256:${digestOf('x')}\n`);
  assert.equal((await readJoblog(path, true)).count, 2);
});

test('a later row of the same input counts', async () => {
  const path = join(directory, 'twice');
  const log = new Joblog(path, true);
  const item = { index: 0, text: 'a' };
  for (const result of [failed(0), done(0)]) log.append(formatRow(result, item, { type: 'd', endedAt: 0 }));
  log.close();
  assert.equal((await readJoblog(path, false)).has(item), true);
  appendFileSync(path, formatRow(failed(0), item, { type: 'd', endedAt: 0 }));
  assert.equal((await readJoblog(path, false)).has(item), false);
});
