/** One stream of many bytes. */
import { randomBytes } from 'node:crypto';

/** What a file stream reads at a time. */
const CHUNK_BYTES = 64 * 1024;
/** Nothing about it can be compressed or cached away; as large as a few caches. */
const MATERIAL = randomBytes(16 * 1024 * 1024);

/**
 * @param {import('./streams/stream.js').SendSide} side
 * @param {{ bytes: number }} options
 */
export async function upload(side, { bytes }) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await side.upload(chunks(bytes), bytes);
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { elapsedMs, cpuUs: user + system };
}

/** @param {number} bytes */
async function* chunks(bytes) {
  for (let sent = 0; sent < bytes; sent += CHUNK_BYTES) {
    const at = sent % MATERIAL.length;
    yield MATERIAL.subarray(at, at + Math.min(CHUNK_BYTES, bytes - sent));
  }
}
