import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { PayloadFiles } from '../../../src/cli/script/payload-file.js';
import { rejectsWith } from './fixture.js';

const parent = mkdtempSync(join(tmpdir(), 'netmgr-test-'));
after(() => rmSync(parent, { recursive: true }));

test('files are private, apart from one another, and gone when they are removed', async () => {
  const files = new PayloadFiles(parent);
  const [one, two] = await Promise.all([files.write('1'), files.write(new Uint8Array([255]))]);
  assert.notEqual(one, two);
  assert.equal(statSync(one).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(one)).mode & 0o777, 0o700);
  assert.deepEqual([...readFileSync(two)], [255]);
  await files.remove(one);
  await files.remove(one);
  assert.equal(existsSync(one), false);
  await files.clear();
  await files.clear();
  assert.deepEqual(readdirSync(parent), []);
});

test('a directory that somebody tidied away is made again', async () => {
  const files = new PayloadFiles(parent);
  rmSync(dirname(await files.write('x')), { recursive: true });
  assert.equal(readFileSync(await files.write('y'), 'utf8'), 'y');
  await files.clear();
});

test('a disk that takes no file asks for a retry, and may take the next', async () => {
  const files = new PayloadFiles(join(parent, 'not-there'));
  await rejectsWith(files.write('x'), 'HANDLER_RETRY', /could not be put into a file: ENOENT/);
  await files.clear();
});
