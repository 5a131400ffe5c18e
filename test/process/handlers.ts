import type { Sandbox } from './harness.js';

/** A JavaScript module with a handler for every way to answer. */
const MODULE = `
let tries = 0;
export default {
  echo: (payload) => payload,
  hostile: () => 'a\\x1b[31m\\u202eb\\x07\\x9b2J',
  fails: () => { throw new Error('no \\x1b[31mway\\nsecond line'); },
  silent: (payload, { signal }) => new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  }),
  slow: (payload, { signal }) => new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Number(payload), 'slept');
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  }),
  nothing: () => undefined,
  bytes: () => new Uint8Array([0, 255, 10]),
};
`;

/** A co-process in Python: one line of JSON in, one out. */
const STREAM = `
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    print(json.dumps({"id": message["id"], "payload": str(message["payload"]).upper()}), flush=True)
`;

export interface HandlerFiles {
  readonly module: string;
  readonly stream: string;
}

export function writeHandlers(sandbox: Sandbox): HandlerFiles {
  return { module: sandbox.file('handlers.mjs', MODULE), stream: sandbox.file('upper.py', STREAM) };
}
