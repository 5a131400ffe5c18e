import { NetworkError } from '../base/errors.js';

/** Nothing longer can be a payload: the largest frame is 16 MiB. */
const MAX_INPUT_BYTES = 16 * 1024 * 1024;

/** All of a stream as text. @throws NetworkError TOO_LARGE beyond 16 MiB, without reading on */
export async function readText(source: AsyncIterable<Uint8Array | string>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    const buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    bytes += buffer.length;
    if (bytes > MAX_INPUT_BYTES) {
      throw new NetworkError('TOO_LARGE', `the payload on stdin is larger than ${MAX_INPUT_BYTES} bytes`);
    }
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
