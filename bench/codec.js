/** A codec by itself: messages to bytes and back, in one process. */
import { QUESTIONS } from './message.js';

/** @param {string} path @returns {Promise<any>} */
const library = (path) => import(new URL(`../dist/src/${path}`, import.meta.url).href);

/** Messages between two looks at the clock. */
const STRIDE = 8;

/** @param {{ codec: string, size: keyof typeof QUESTIONS, durationMs: number }} options */
export async function measureCodec({ codec: name, size, durationMs }) {
  const { codecNamed } = await library('message/codecs.js');
  const { DEFAULT_DECODE_LIMITS } = await library('message/codec.js');
  const { payloadOf } = await library('index.js');
  const codec = codecNamed(name);
  const question = QUESTIONS[size];
  const envelope = { v: 1, kind: 'request', type: 'echo', from: 'asking', to: 'answering', ts: Date.now(), ttl: 5000 };
  const write = (/** @type {number} */ sequence) => {
    const message = { ...envelope, id: `abcdefghijkl-${sequence}`, payload: question(sequence) };
    const frame = codec.join([codec.encode(message)]);
    return typeof frame === 'string' ? Buffer.from(frame) : frame;
  };
  const frame = write(1);
  const read = () => payloadOf(codec.decode(frame, DEFAULT_DECODE_LIMITS).messages[0]);
  if (JSON.stringify(read()) !== JSON.stringify(question(1))) throw new Error(`${name} changed the message`);
  return { bytes: frame.length, encodeUs: timeOf(write, durationMs), decodeUs: timeOf(read, durationMs) };
}

/** Microseconds of a call. @param {(index: number) => unknown} call @param {number} durationMs */
function timeOf(call, durationMs) {
  const start = performance.now();
  let calls = 0;
  let now = start;
  while (now - start < durationMs) {
    for (let i = 0; i < STRIDE; i += 1) call(calls + i);
    calls += STRIDE;
    now = performance.now();
  }
  return ((now - start) / calls) * 1000;
}
