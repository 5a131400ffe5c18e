import { ERROR_CODES, type ErrorCode, NetworkError, summaryOf, type Work, workOf } from '../../src/base/errors.js';
import { CONNECTION } from '../../src/cli/doctor/explanations/connection.js';
import type { Explanation } from '../../src/cli/doctor/explanations/explanation.js';
import { JOIN } from '../../src/cli/doctor/explanations/join.js';
import { MESSAGE } from '../../src/cli/doctor/explanations/message.js';
import { PROGRAM } from '../../src/cli/doctor/explanations/program.js';
import { WORK } from '../../src/cli/doctor/explanations/work.js';
import { EXIT_OF } from '../../src/cli/exit-codes.js';

/** Errors that have a class of their own; all others are of the class NetworkError itself. */
export const CLASS_OF: { readonly [code in ErrorCode]?: string } = {
  TIMEOUT: 'NetworkTimeoutError',
  RETRIES_EXHAUSTED: 'NetworkRetryExhaustedError',
};

const GROUPS: readonly (readonly [string, Readonly<Record<string, Explanation>>])[] = [
  ['The connection', CONNECTION],
  ['The join', JOIN],
  ['The message', MESSAGE],
  ['The work', WORK],
  ['The program', PROGRAM],
];

const WORK_WORDS: Readonly<Record<Work, string>> = { none: 'not begun', maybe: 'may have run', begun: 'ran' };

const again = (code: ErrorCode): string => (new NetworkError(code, '').retryable ? 'yes' : 'no');

/** The parts of docs/errors.md that are made from the tables in the code, by the names of their marks. */
export const partsOfPage = (): Readonly<Record<string, string>> => ({ codes: table(), explanations: sections() });

function table(): string {
  const rows = ERROR_CODES.map((code) => {
    const link = `[\`${code}\`](#${code.toLowerCase()})`;
    return `| ${[link, summaryOf(code), again(code), WORK_WORDS[workOf(code)], EXIT_OF[code]].join(' | ')} |`;
  });
  return ['| code | meaning | again? | the work | exit code |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

const sections = (): string =>
  GROUPS.map(([title, group]) => [`### ${title}`, ...Object.keys(group).map(section(group))].join('\n\n')).join('\n\n');

const section =
  (group: Readonly<Record<string, Explanation>>) =>
  (name: string): string => {
    const code = name as ErrorCode;
    const { example, causes, next } = group[name] as Explanation;
    const facts = [`again: ${again(code)}`, `the work: ${WORK_WORDS[workOf(code)]}`, `exit code: ${EXIT_OF[code]}`];
    const ownClass = CLASS_OF[code];
    if (ownClass !== undefined) facts.push(`class: \`${ownClass}\``);
    return [
      `#### \`${code}\``,
      `${sentence(summaryOf(code))} (${facts.join(', ')})`,
      `    ${example}`,
      ['Usual causes:', ...causes.map(point)].join('\n'),
      ['What to do:', ...next.map(point)].join('\n'),
    ].join('\n\n');
  };

const point = (text: string): string => `- ${text}`;
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
