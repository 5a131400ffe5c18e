import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isNetworkError, type NetworkError } from '../../src/base/errors.js';
import { makePrivateDirectory, readPrivateFile, writePrivateFile } from '../../src/security/storage/private-file.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const root = mkdtempSync(join(tmpdir(), 'netmgr-private-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

/** A new directory, and a file in it that is not there yet. */
function place(name = 'secret'): { readonly directory: string; readonly path: string } {
  count += 1;
  const directory = join(root, String(count));
  mkdirSync(directory, { mode: 0o700 });
  return { directory, path: join(directory, name) };
}

function refusal(act: () => unknown, code: string = 'INVALID_OPTION'): NetworkError {
  try {
    act();
  } catch (error) {
    assert.ok(isNetworkError(error), String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(error.hint, error.message);
    return error;
  }
  assert.fail('nothing was refused');
}

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
const isRoot = process.geteuid?.() === 0;
const MODULE = new URL('../../src/security/storage/private-file.js', import.meta.url).href;

/** A process that runs the code with the functions of the module at hand. */
function child(code: string, prefix: readonly string[] = []) {
  const program = `import { readPrivateFile, writePrivateFile } from ${JSON.stringify(MODULE)};\n${code}`;
  const [command = '', ...words] = [...prefix, process.execPath, '--input-type=module', '-e', program];
  return spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function outputOf(process: ReturnType<typeof child>): Promise<string> {
  let text = '';
  process.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code, signal] = await once(process, 'close');
  assert.equal(signal ?? code, 0, text);
  return text;
}

describe('a private file', () => {
  test('is read as it was written, and replaced as a whole', () => {
    const { directory, path } = place();
    assert.equal(readPrivateFile(path), undefined);
    for (const text of ['one', '', 'two\nlines\n', 'ä€😀']) {
      assert.equal(writePrivateFile(path, text), true);
      assert.equal(readPrivateFile(path), text);
    }
    assert.deepEqual(readdirSync(directory), ['secret']);
  });

  test('is for its user alone, whatever the umask and whatever was there before', () => {
    const before = process.umask(0);
    try {
      for (const mask of [0, 0o077, 0o777]) {
        const { path } = place();
        process.umask(mask);
        writePrivateFile(path, 'a');
        assert.equal(modeOf(path), '600');
        chmodSync(path, 0o666);
        writePrivateFile(path, 'b');
        assert.equal(modeOf(path), '600');
        process.umask(0);
      }
    } finally {
      process.umask(before);
    }
  });

  test('with ifAbsent is written once', () => {
    const { directory, path } = place();
    assert.equal(writePrivateFile(path, 'first', { ifAbsent: true }), true);
    assert.equal(modeOf(path), '600');
    assert.equal(statSync(path).nlink, 1);
    assert.equal(writePrivateFile(path, 'second', { ifAbsent: true }), false);
    assert.equal(readPrivateFile(path), 'first');
    assert.deepEqual(readdirSync(directory), ['secret']);
  });

  test('that others can use is refused, and the hint is what makes it private', () => {
    const { path } = place("it's my secret");
    for (const mode of [0o640, 0o604, 0o620, 0o610, 0o660, 0o777]) {
      writePrivateFile(path, 'text');
      chmodSync(path, mode);
      const { message, hint } = refusal(() => readPrivateFile(path));
      assert.ok(message.includes(path) && message.includes(mode.toString(8)), message);
      execFileSync('sh', ['-c', hint ?? '']);
      assert.equal(readPrivateFile(path), 'text');
    }
    chmodSync(path, 0o400);
    assert.equal(readPrivateFile(path), 'text');
  });

  test('of another user is refused', { skip: isRoot ? false : 'needs root' }, () => {
    const { path } = place();
    writePrivateFile(path, 'text');
    chownSync(path, 12_345, 12_345);
    assert.match(refusal(() => readPrivateFile(path)).message, /belongs to another user \(12345\)/);
    writePrivateFile(path, 'ours');
    assert.equal(statSync(path).uid, 0);
    assert.equal(readPrivateFile(path), 'ours');
  });

  test('is never a link: reading refuses it, writing replaces it and leaves its target alone', () => {
    const { directory, path } = place();
    const target = join(directory, 'target');
    writePrivateFile(target, 'of somebody else');
    symlinkSync(target, path);
    assert.match(refusal(() => readPrivateFile(path)).message, /symbolic link/);
    assert.equal(writePrivateFile(path, 'ours', { ifAbsent: true }), false);
    assert.equal(readPrivateFile(target), 'of somebody else');
    writePrivateFile(path, 'ours');
    assert.equal(readPrivateFile(path), 'ours');
    assert.equal(readPrivateFile(target), 'of somebody else');
    rmSync(path);
    symlinkSync(join(directory, 'nowhere'), path);
    assert.match(refusal(() => readPrivateFile(path)).message, /symbolic link/);
    writePrivateFile(path, 'ours');
    assert.ok(!existsSync(join(directory, 'nowhere')));
  });

  test('is not written through a second name of it', () => {
    const { directory, path } = place();
    writePrivateFile(path, 'before');
    linkSync(path, join(directory, 'other'));
    writePrivateFile(path, 'after');
    assert.equal(readFileSync(join(directory, 'other'), 'utf8'), 'before');
  });

  test('is a file: nothing else is read, or waited for', () => {
    const { path } = place();
    mkdirSync(path);
    assert.match(refusal(() => readPrivateFile(path)).message, /not a file/);
    refusal(() => writePrivateFile(path, 'text'));
    rmSync(path, { recursive: true });
    execFileSync('mkfifo', ['-m', '600', path]);
    assert.match(refusal(() => readPrivateFile(path)).message, /not a file/);
    rmSync(path);
    writeFileSync(path, 'text', { mode: 0o600 });
    assert.match(refusal(() => readPrivateFile(join(path, 'below'))).hint ?? '', /move it away/);
  });

  test('is bounded', () => {
    const { path } = place();
    writePrivateFile(path, 'x'.repeat(65_536));
    assert.equal(readPrivateFile(path)?.length, 65_536);
    writePrivateFile(path, 'x'.repeat(65_537));
    assert.match(refusal(() => readPrivateFile(path)).message, /more than 65536/);
    assert.equal(readPrivateFile(path, { maxBytes: 100_000 })?.length, 65_537);
  });

  test('cannot be written where there is no directory', () => {
    const { directory } = place();
    assert.match(
      refusal(() => writePrivateFile(join(directory, 'no', 'file'), 'x'), 'IO').message,
      /cannot be written/,
    );
  });
});

describe('a private file, when things go wrong', () => {
  test('stays as it was when the disk is full, and nothing is left beside it', async () => {
    const { directory, path } = place();
    writePrivateFile(path, 'before');
    // A file may have 8 blocks and no more: writing fails in the middle, as it does on a full disk.
    const writer = child(
      `try { writePrivateFile(${JSON.stringify(path)}, 'x'.repeat(100_000)); }
       catch (error) { console.log(JSON.stringify({ ...error, message: error.message })); }`,
      ['sh', '-c', 'ulimit -f 8; exec "$@"', 'sh'],
    );
    const error = JSON.parse(await outputOf(writer));
    assert.equal(error.code, 'IO');
    assert.match(error.message, /the disk is full/);
    assert.match(error.hint, /Make room/);
    assert.equal(readPrivateFile(path), 'before');
    assert.deepEqual(readdirSync(directory), ['secret']);
  });

  test('is whole after a kill at any moment, and the next write clears up', async () => {
    const { directory, path } = place();
    for (let round = 0; round < 6; round += 1) {
      const writer = child(
        `for (let i = 0; ; i += 1) {
           writePrivateFile(${JSON.stringify(path)}, String(i % 10).repeat(200_000));
           if (i === 0) console.log('writing');
         }`,
      );
      await once(writer.stdout, 'data');
      for (let beats = 0; beats < round * 3; beats += 1) statSync(path);
      writer.kill('SIGKILL');
      await once(writer, 'close');
      const text = readPrivateFile(path, { maxBytes: 200_000 }) ?? '';
      assert.equal(text, text.charAt(0).repeat(200_000));
    }
    // Whatever the kills have left, and one more that surely is.
    const dead = child('');
    await outputOf(dead);
    writeFileSync(`${path}.${dead.pid}-abcdefgh.new`, 'a secret', { mode: 0o600 });
    const living = `secret.${process.ppid}-abcdefgh.new`;
    writeFileSync(join(directory, living), 'of a living process');
    writeFileSync(`${path}.old`, "not netmgr's");
    writePrivateFile(path, 'after');
    assert.deepEqual(readdirSync(directory).sort(), ['secret', living, 'secret.old'].sort());
  });

  test('that several processes write at once is that of one of them, and none fails', async () => {
    const { directory, path } = place();
    const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(50_000));
    const writers = texts.map((text) =>
      child(`for (let i = 0; i < 60; i += 1) writePrivateFile(${JSON.stringify(path)}, ${JSON.stringify(text)});`),
    );
    await Promise.all(writers.map(outputOf));
    assert.ok(texts.includes(readPrivateFile(path) ?? ''));
    assert.deepEqual(readdirSync(directory), ['secret']);
  });

  test('with ifAbsent is written by one of several processes, and all read the same', async () => {
    const { path } = place();
    const file = JSON.stringify(path);
    const writers = Array.from({ length: 4 }, () =>
      child(
        `console.log(writePrivateFile(${file}, String(process.pid), { ifAbsent: true }), readPrivateFile(${file}));`,
      ),
    );
    const said = (await Promise.all(writers.map(outputOf))).map((line) => line.trim().split(' '));
    assert.deepEqual(said.map(([won]) => won).sort(), ['false', 'false', 'false', 'true']);
    assert.equal(new Set(said.map(([, text]) => text)).size, 1);
  });
});

describe('a private directory', () => {
  test('is made with those above it, and may be there already', () => {
    const { directory } = place();
    const path = join(directory, 'a', 'b');
    makePrivateDirectory(path);
    makePrivateDirectory(path);
    assert.equal(modeOf(path), '700');
    assert.equal(modeOf(join(directory, 'a')), '700');
  });

  test('that others can use is refused, with what to run', () => {
    const { directory } = place();
    for (const mode of [0o750, 0o705, 0o711, 0o770]) {
      chmodSync(directory, mode);
      execFileSync('sh', ['-c', refusal(() => makePrivateDirectory(directory)).hint ?? '']);
      makePrivateDirectory(directory);
    }
  });

  test('is a directory: no link, no file', () => {
    const { directory, path } = place();
    symlinkSync(directory, path);
    assert.match(refusal(() => makePrivateDirectory(path)).message, /not a directory/);
    rmSync(path);
    writeFileSync(path, '');
    refusal(() => makePrivateDirectory(path));
    refusal(() => makePrivateDirectory(join(path, 'below')));
  });

  test('of another user is refused', { skip: isRoot ? false : 'needs root' }, () => {
    const { directory } = place();
    chownSync(directory, 12_345, 12_345);
    assert.match(refusal(() => makePrivateDirectory(directory)).message, /belongs to another user/);
  });
});
