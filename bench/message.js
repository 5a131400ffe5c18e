import { createHash } from 'node:crypto';

/**
 * What is asked and answered: the same for every peer. About 300 bytes of JSON, as real work would send it, made
 * anew for each request; the answer echoes a part of it.
 *
 * @typedef {ReturnType<typeof question>} Question
 * @typedef {ReturnType<typeof answerTo>} Answer
 */

/** @param {number} sequence */
const question = (sequence) => ({
  sequence,
  file: '/srv/media/incoming/2025/11/20/IMG_20251120_141530.jpg',
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  size: { width: 1280, height: 853 },
  options: { format: 'webp', quality: 82, strip: true, crop: 'attention' },
  owner: { id: 48213, team: 'catalogue' },
  tags: ['product', 'front', 'autumn'],
});

/** Differs from its neighbours as the rows of a real list do: names count on, digests have nothing in common. */
const record = (/** @type {number} */ index) => ({
  ...question(index),
  file: `/srv/media/incoming/2025/11/20/IMG_20251120_${141_530 + 7 * index}.jpg`,
  sha256: createHash('sha256').update(String(index)).digest('hex'),
  size: { width: 640 + ((index * 37) % 1280), height: 480 + ((index * 53) % 960) },
});

/** @param {number} count of records that come with it, about 340 bytes of JSON each */
function batch(count) {
  const records = Array.from({ length: count }, (_, index) => record(index));
  return (/** @type {number} */ sequence) => ({ ...question(sequence), records });
}

/** By their size as JSON. */
export const QUESTIONS = { '340 B': question, '10 KiB': batch(29), '100 KiB': batch(299) };

/** @param {Question} asked */
export const answerTo = (asked) => ({
  sequence: asked.sequence,
  sha256: asked.sha256,
  size: asked.size,
  bytes: 48_211,
  ok: true,
});
