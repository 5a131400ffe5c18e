// The same as sha256.py, for machines without Python: one JSON line in per message, one JSON line out.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';

for await (const line of createInterface({ input: process.stdin })) {
  const { id, payload, cancel } = JSON.parse(line);
  if (!cancel) process.stdout.write(`${JSON.stringify({ id, ...(await digestOf(payload)) })}\n`);
}

async function digestOf(path) {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
    return { payload: hash.digest('hex') };
  } catch (error) {
    return { error: error.message };
  }
}
