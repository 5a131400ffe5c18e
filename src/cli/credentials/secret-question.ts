import type { Readable } from 'node:stream';
import { NetworkError } from '../../base/errors.js';
import type { Environment } from '../environment.js';

/** More than any token: what is longer was pasted by mistake. */
const LONGEST = 4096;
/** Around what is pasted, where the terminal was told to mark it. */
const PASTE_MARKS = /\p{Cc}\[20[01]~/gu;

interface Keyboard extends Readable {
  setRawMode?(raw: boolean): unknown;
}

/**
 * Asks on the terminal and shows nothing of the answer.
 * @throws NetworkError CANCELLED at Ctrl-C, TOO_LARGE
 */
export async function askSecret(environment: Environment, question: string): Promise<string> {
  const keyboard: Keyboard = environment.stdin;
  // First of all: what is typed as soon as the question is there must not be shown.
  keyboard.setRawMode?.(true);
  environment.stderr.write(question);
  try {
    return await readAnswer(keyboard);
  } finally {
    keyboard.setRawMode?.(false);
    keyboard.pause();
    environment.stderr.write('\n');
  }
}

function readAnswer(keyboard: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = '';
    const settle = (act: () => void) => {
      keyboard.removeListener('data', onData);
      keyboard.removeListener('end', onEnd);
      act();
    };
    const onEnd = () => settle(() => resolve(typed.trim()));
    const onData = (chunk: Buffer | string) => {
      for (const key of String(chunk).replace(PASTE_MARKS, '')) {
        if (key === '\r' || key === '\n' || key === '\x04') return onEnd();
        if (key === '\x03') return settle(() => reject(new NetworkError('CANCELLED', 'interrupted by Ctrl-C')));
        typed = key === '\x7f' || key === '\b' ? typed.slice(0, -1) : typed + key;
      }
      if (typed.length > LONGEST) {
        settle(() => reject(new NetworkError('TOO_LARGE', `what was typed is longer than ${LONGEST} characters`)));
      }
    };
    keyboard.on('data', onData);
    keyboard.on('end', onEnd);
  });
}
