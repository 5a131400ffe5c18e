import type { ErrorCode } from '../../../base/errors.js';
import { CONNECTION } from './connection.js';
import type { Explanation } from './explanation.js';
import { JOIN } from './join.js';
import { MESSAGE } from './message.js';
import { PROGRAM } from './program.js';
import { WORK } from './work.js';

/** Every way to fail. What a code means in a sentence is `summaryOf`. */
export const EXPLANATIONS: Readonly<Record<ErrorCode, Explanation>> = {
  ...CONNECTION,
  ...JOIN,
  ...MESSAGE,
  ...WORK,
  ...PROGRAM,
};
