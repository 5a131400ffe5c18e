import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Codec } from '../../src/message/codec.js';
import { assertNothingLeft } from '../leaks.js';
import type { BombReport } from './bomb-victim.js';
import { batchOf, bomb, compressed, DEFLATE_CODECS } from './deflate-frames.js';

assertNothingLeft();

const MEBIBYTE = 1024 * 1024;
const VICTIM = fileURLToPath(new URL('./bomb-victim.js', import.meta.url));

async function thrown(codec: Codec, frame: Buffer, maxFrameBytes: number): Promise<BombReport> {
  const directory = mkdtempSync(join(tmpdir(), 'netmgr-bomb-'));
  try {
    const file = join(directory, 'frame');
    writeFileSync(file, frame);
    const victim = fork(VICTIM, [file, codec.name, String(maxFrameBytes)]);
    const [[report]] = await Promise.all([once(victim, 'message'), once(victim, 'exit')]);
    return report as BombReport;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

for (const codec of DEFLATE_CODECS) {
  test(`${codec.name}: a bomb of 1 GiB takes no more memory than its limit lets a frame take`, async (t) => {
    const frame = compressed(codec, bomb(codec, 1024));
    const limit = 2 * MEBIBYTE;
    assert.ok(frame.length < limit, `${frame.length} bytes on the wire`);
    const report = await thrown(codec, frame, limit);
    t.diagnostic(`${frame.length} bytes: ${JSON.stringify(report)}`);
    assert.deepEqual(report.codes, ['TOO_LARGE', 'TOO_LARGE']);
    assert.ok(report.grownBytes < 8 * limit, `the process grew by ${report.grownBytes} bytes`);
  });

  test(`${codec.name}: nor do 4,096 bombs of 1 MiB in one frame`, async (t) => {
    const part = compressed(codec, bomb(codec, 1));
    const frame = Buffer.from(batchOf(codec, new Array<Buffer>(4096).fill(part)) as string);
    const limit = 16 * MEBIBYTE;
    assert.ok(frame.length < limit, `${frame.length} bytes on the wire`);
    const report = await thrown(codec, frame, limit);
    t.diagnostic(`${frame.length} bytes: ${JSON.stringify(report)}`);
    assert.deepEqual(report.codes, ['TOO_LARGE', 'TOO_LARGE']);
    assert.ok(report.grownBytes < 8 * limit, `the process grew by ${report.grownBytes} bytes`);
  });
}
