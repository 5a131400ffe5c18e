import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const ROOT = path.resolve(import.meta.dirname, '../../..');

describe('npm run demo', () => {
  let temporary: string;
  before(async () => {
    temporary = await mkdtemp(path.join(tmpdir(), 'netmgr-test-'));
  });
  after(() => rm(temporary, { recursive: true }));

  /** Runs it to its end, on fewer files than it takes by itself; sends SIGINT as soon as it has shown `interruptAt`. */
  async function demo(interruptAt?: string): Promise<{ readonly code: unknown; readonly shown: string }> {
    const env = { ...process.env, TMPDIR: temporary };
    const child = spawn(process.execPath, ['examples/demo/demo.js', 'dist'], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let shown = '';
    let interrupted = false;
    const onText = (chunk: Buffer) => {
      shown += chunk.toString();
      if (interrupted || interruptAt === undefined || !shown.includes(interruptAt)) return;
      interrupted = true;
      child.kill('SIGINT');
    };
    child.stdout.on('data', onText);
    child.stderr.on('data', onText);
    const [code] = await once(child, 'close');
    return { code, shown };
  }

  const foldersLeft = async () => (await readdir(temporary)).filter((name) => name.startsWith('netmgr-demo-'));

  it('completes the work though a collaborator is killed, and every digest is right', async () => {
    const { code, shown } = await demo();
    assert.equal(code, 0, shown);
    assert.match(shown, /kill -9 \d+/);
    assert.match(shown, /^module +lost/m);
    assert.match(shown, /It worked\./);
    assert.deepEqual(await foldersLeft(), []);
  });

  it('cleans up after Ctrl-C', async () => {
    const { code, shown } = await demo('netmgr map');
    assert.equal(code, 130, shown);
    assert.match(shown, /Stopped by SIGINT\./);
    assert.deepEqual(await foldersLeft(), []);
  });
});
