import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { isNetworkError } from '../../src/base/errors.js';
import { type Log, silentLog } from '../../src/base/log.js';
import { type JournalEntry, PrivateJournal } from '../../src/security/storage/private-journal.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const root = mkdtempSync(join(tmpdir(), 'netmgr-journal-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const place = (): string => {
  count += 1;
  return join(root, `${count}.journal`);
};
const code = (wanted: string) => (error: unknown) => isNetworkError(error) && error.code === wanted;
const numbers = (length: number): JournalEntry[] => Array.from({ length }, (_, n) => ({ n }));
const linesOf = (entries: readonly JournalEntry[]): string =>
  entries.map((each) => `${JSON.stringify(each)}\n`).join('');

/** What a new process finds. */
async function reread(path: string): Promise<readonly JournalEntry[]> {
  await using journal = PrivateJournal.open({ path });
  return journal.entries;
}

function recorder(): { readonly log: Log; readonly warnings: object[] } {
  const warnings: object[] = [];
  return { log: { ...silentLog, warn: (fields) => void warnings.push(fields) }, warnings };
}

describe('a journal', () => {
  test('has after a restart what was added, in order', async () => {
    const path = place();
    const journal = PrivateJournal.open({ path });
    assert.deepEqual(journal.entries, []);
    await journal.append({ n: 0, text: 'two\nlines', nested: { a: [1, null] } });
    await Promise.all([journal.append({ n: 1 }), journal.append({ n: 2 })]);
    await journal.close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(await reread(path), [{ n: 0, text: 'two\nlines', nested: { a: [1, null] } }, { n: 1 }, { n: 2 }]);
  });

  test('resolves only when the line is on the disk, and the lines that wait meanwhile share a sync', async () => {
    const path = place();
    const syncs: (() => void)[] = [];
    let began = () => {};
    const sync = () => {
      began();
      return new Promise<void>((resolve) => syncs.push(resolve));
    };
    const nextSync = () =>
      new Promise<void>((resolve) => {
        began = resolve;
      });
    const journal = PrivateJournal.open({ path, sync });
    const done: number[] = [];
    const add = (n: number) => journal.append({ n }).then(() => done.push(n));
    const first = nextSync();
    const adding = [add(0), add(1)];
    await first;
    assert.equal(readFileSync(path, 'utf8'), linesOf(numbers(2)));
    for (let n = 2; n < 1_000; n += 1) adding.push(add(n));
    await new Promise(setImmediate);
    assert.deepEqual(done, []);
    const second = nextSync();
    syncs.shift()?.();
    await second;
    assert.deepEqual(done, [0, 1]);
    syncs.shift()?.();
    await Promise.all(adding);
    assert.deepEqual(
      done,
      numbers(1_000).map(({ n }) => n),
    );
    assert.equal(syncs.length, 0);
    await journal.close();
  });

  test('is rewritten shorter, and goes on', async () => {
    const path = place();
    await using journal = PrivateJournal.open({ path });
    await Promise.all(numbers(100).map((entry) => journal.append(entry)));
    await using again = PrivateJournal.open({ path });
    assert.equal(again.entries.length, 100);
    again.rewrite([{ sum: 4950 }]);
    assert.deepEqual(again.entries, []);
    await again.append({ n: 100 });
    assert.deepEqual(await reread(path), [{ sum: 4950 }, { n: 100 }]);
  });

  test('is not rewritten under lines that are on their way', async () => {
    const path = place();
    await using journal = PrivateJournal.open({ path });
    const adding = journal.append({ n: 0 });
    assert.throws(() => journal.rewrite([]), code('INTERNAL'));
    await adding;
  });

  test('closes after what was added, takes nothing more, and may be closed twice', async () => {
    const path = place();
    const journal = PrivateJournal.open({ path });
    const adding = numbers(3).map((entry) => journal.append(entry));
    await Promise.all([journal.close(), journal.close()]);
    await Promise.all(adding);
    await assert.rejects(journal.append({ n: 3 }), code('STOPPED'));
    assert.throws(() => journal.rewrite([]), code('STOPPED'));
    await journal.close();
    assert.deepEqual(await reread(path), numbers(3));
  });

  test('does not grow beyond its bound, and counts what it refused', async () => {
    const path = place();
    await using journal = PrivateJournal.open({ path, maxBytes: 40 });
    await journal.append({ text: 'x'.repeat(20) });
    await assert.rejects(journal.append({ text: 'x'.repeat(20) }), code('IO'));
    await journal.append({ n: 1 });
    assert.deepEqual({ ...journal.counters }, { full: 1, failed: 1, torn: 0 });
    assert.throws(() => PrivateJournal.open({ path, maxBytes: 20 }), code('INVALID_OPTION'));
  });

  test('that others can read, or that is a link, is refused', async () => {
    const path = place();
    writeFileSync(path, linesOf(numbers(1)), { mode: 0o600 });
    chmodSync(path, 0o644);
    assert.throws(() => PrivateJournal.open({ path }), /chmod|open to other users/);
    chmodSync(path, 0o600);
    symlinkSync(path, `${path}.link`);
    assert.throws(() => PrivateJournal.open({ path: `${path}.link` }), /symbolic link/);
    assert.throws(() => PrivateJournal.open({ path: join(root, 'nowhere', 'journal') }), code('IO'));
  });
});

describe('a journal that was cut short', () => {
  test('loses its last line at most, wherever the cut is, and goes on behind it', async () => {
    const entries = [{ a: 'é"\n' }, { b: { c: [1, 2] } }, { d: 'x' }];
    const whole = Buffer.from(linesOf(entries));
    const ends = entries.map((_, index) => Buffer.byteLength(linesOf(entries.slice(0, index + 1))));
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const path = place();
      writeFileSync(path, whole.subarray(0, cut), { mode: 0o600 });
      const { log, warnings } = recorder();
      const journal = PrivateJournal.open({ path, log });
      // A line of which but the end is missing says all that it has to say.
      const kept = ends.filter((end) => cut >= end - 1).length;
      assert.deepEqual(journal.entries, entries.slice(0, kept), `cut at ${cut}`);
      const isTorn = cut > 0 && !ends.includes(cut) && !ends.includes(cut + 1);
      assert.equal(warnings.length, isTorn ? 1 : 0, `cut at ${cut}`);
      assert.equal(journal.counters.torn, isTorn ? 1 : 0);
      await journal.append({ next: true });
      await journal.close();
      assert.deepEqual(await reread(path), [...entries.slice(0, kept), { next: true }], `cut at ${cut}`);
    }
  });

  test('by a power cut may end in zeros', async () => {
    const path = place();
    writeFileSync(path, `${linesOf(numbers(2))}${'\0'.repeat(5_000)}`, { mode: 0o600 });
    assert.deepEqual(await reread(path), numbers(2));
    assert.equal(readFileSync(path, 'utf8'), linesOf(numbers(2)));
  });

  test('anywhere else is damaged: it is refused, and left as it is', () => {
    for (const damaged of [
      '{"n":0}\n{"n":\n{"n":2}\n',
      '{"n":0}\n[1]\n',
      '{"n":0}\nnull\n',
      '\0\0\n{"n":1}\n',
      '{"n":0}\n\n{"n":1}\n',
    ]) {
      const path = place();
      writeFileSync(path, damaged, { mode: 0o600 });
      const line = damaged.startsWith('\0') ? 1 : 2;
      assert.throws(
        () => PrivateJournal.open({ path }),
        (error) => {
          assert.ok(isNetworkError(error) && error.hint);
          assert.equal(error.code, 'INVALID_OPTION');
          assert.equal(error.message, `${path} is damaged: line ${line} cannot be read`);
          return true;
        },
      );
      assert.equal(readFileSync(path, 'utf8'), damaged);
    }
  });
});

describe('a journal on a bad day', () => {
  test('takes nothing more after a sync that failed', async () => {
    const path = place();
    let syncs = 0;
    const sync = () => {
      syncs += 1;
      return syncs === 2
        ? Promise.reject(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }))
        : Promise.resolve();
    };
    await using journal = PrivateJournal.open({ path, sync });
    await journal.append({ n: 0 });
    const outcomes = await Promise.allSettled([journal.append({ n: 1 }), journal.append({ n: 2 })]);
    for (const outcome of outcomes) assert.ok(outcome.status === 'rejected' && code('IO')(outcome.reason));
    await assert.rejects(journal.append({ n: 3 }), /EIO/);
    assert.throws(() => journal.rewrite([]), /EIO/);
    assert.equal(syncs, 2);
    assert.equal(journal.counters.failed, 2);
    assert.deepEqual((await reread(path)).at(0), { n: 0 });
  });

  test('rejects also those that wait behind the sync that fails', async () => {
    let began = () => {};
    const syncing = new Promise<void>((resolve) => {
      began = resolve;
    });
    let reject: (error: Error) => void = () => {};
    const sync = () => {
      began();
      return new Promise<void>((_resolve, no) => {
        reject = no;
      });
    };
    await using journal = PrivateJournal.open({ path: place(), sync });
    const first = journal.append({ n: 0 });
    await syncing;
    const second = journal.append({ n: 1 });
    reject(new Error('the disk is gone'));
    await assert.rejects(first, /the disk is gone/);
    await assert.rejects(second, /the disk is gone/);
  });

  test('on a full disk rejects what does not fit, keeps the rest whole, and goes on when there is room', async () => {
    const path = place();
    // A file may have 16 blocks and no more. Filling it in one go ends in the middle of the line.
    const text = await run(
      `const journal = PrivateJournal.open({ path: ${JSON.stringify(path)} });
       await journal.append({ n: 0 });
       await journal.append({ text: 'x'.repeat(100_000) }).catch((error) => console.log(error.code, error.message));
       await journal.append({ n: 1 });
       await journal.close();
       console.log(JSON.stringify(journal.counters));`,
      ['sh', '-c', 'ulimit -f 16; exec "$@"', 'sh'],
    );
    assert.match(text, /^IO .*the disk is full\n\{"full":0,"failed":1,"torn":0\}\n$/);
    assert.deepEqual(await reread(path), numbers(2));
  });

  test('keeps every line that it acknowledged before a kill', async () => {
    const path = place();
    let total = 0;
    for (let round = 0; round < 4; round += 1) {
      const writer = spawnModule(
        `const journal = PrivateJournal.open({ path: ${JSON.stringify(path)} });
         let n = journal.entries.length;
         const add = async () => { for (;;) { const mine = n++; await journal.append({ n: mine }); console.log(mine); } };
         for (let i = 0; i < 8; i += 1) add();`,
      );
      const acknowledged: number[] = [];
      const lines = createInterface({ input: writer.stdout });
      for await (const line of lines) {
        acknowledged.push(Number(line));
        if (acknowledged.length === 60 + 17 * round) writer.kill('SIGKILL');
      }
      if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'close');
      const found = (await reread(path)).map(({ n }) => n as number);
      assert.deepEqual(found, [...found.keys()]);
      assert.ok(
        found.length > Math.max(...acknowledged),
        `${found.length} lines, ${Math.max(...acknowledged)} acknowledged`,
      );
      assert.ok(found.length > total);
      total = found.length;
    }
  });

  test('acknowledges nothing more once another process has taken it over', async () => {
    const path = place();
    await using first = PrivateJournal.open({ path });
    await first.append({ n: 0 });
    await run(
      `const journal = PrivateJournal.open({ path: ${JSON.stringify(path)} });
       journal.rewrite(journal.entries);
       await journal.append({ n: 1 });
       await journal.close();`,
    );
    await assert.rejects(first.append({ n: 2 }), /changed by somebody else/);
    await assert.rejects(first.append({ n: 3 }), /changed by somebody else/);
    assert.throws(() => first.rewrite([]), /changed by somebody else/);
    assert.deepEqual(await reread(path), numbers(2));
  });

  test('acknowledges nothing more once somebody else has written to it, or removed it', async () => {
    const path = place();
    {
      await using journal = PrivateJournal.open({ path });
      await journal.append({ n: 0 });
      appendFileSync(path, '{"n":"theirs"}\n');
      await assert.rejects(journal.append({ n: 1 }), /changed by somebody else/);
    }
    {
      await using journal = PrivateJournal.open({ path });
      assert.throws(() => {
        rmSync(path);
        journal.rewrite([]);
      }, /changed by somebody else/);
      await assert.rejects(journal.append({ n: 2 }), /changed by somebody else/);
    }
  });
});

const MODULE = new URL('../../src/security/storage/private-journal.js', import.meta.url).href;

function spawnModule(program: string, prefix: readonly string[] = []) {
  const text = `import { PrivateJournal } from ${JSON.stringify(MODULE)};\n${program}`;
  const [command = '', ...words] = [...prefix, process.execPath, '--input-type=module', '-e', text];
  return spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function run(program: string, prefix?: readonly string[]): Promise<string> {
  const child = spawnModule(program, prefix);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [exitCode] = await once(child, 'close');
  assert.equal(exitCode, 0, text);
  return text;
}
