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

/** Records of `largeQuestion`: about 10 KiB of JSON. */
const RECORDS = Array.from({ length: 29 }, (_, index) => question(index));

/** A batch of work. @param {number} sequence */
const largeQuestion = (sequence) => ({ ...question(sequence), records: RECORDS });

export const QUESTIONS = { small: question, large: largeQuestion };

/** @param {Question} asked */
export const answerTo = (asked) => ({
  sequence: asked.sequence,
  sha256: asked.sha256,
  size: asked.size,
  bytes: 48_211,
  ok: true,
});
