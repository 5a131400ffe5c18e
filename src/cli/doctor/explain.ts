import {
  ERROR_CODES,
  type ErrorCode,
  isErrorCode,
  NetworkError,
  summaryOf,
  type Work,
  workOf,
} from '../../base/errors.js';
import type { Command, Invocation } from '../command.js';
import { EXIT, EXIT_OF, usageError } from '../exit-codes.js';
import { jsonFlag } from '../global-flags.js';
import { nearest } from '../nearest.js';
import { type TableLook, tableLook } from '../table.js';
import { wrapWords } from '../wrap.js';
import type { Explanation } from './explanations/explanation.js';
import { EXPLANATIONS } from './explanations/explanations.js';

export const explainCommand: Command = {
  name: 'explain',
  summary: 'what an error code means, where it comes from, and what to do',
  details: [
    'Whether the work may have been done all the same, whether to try again, what is usually behind it, and what to do.',
    'The code is in what --json prints, in the logs, and in the header `netmgr-error` of an HTTP answer.',
  ].join('\n'),
  arguments: [{ name: 'CODE', description: 'such as TIMEOUT; none: the list of all' }],
  examples: [
    { command: 'netmgr doctor explain NOT_ALLOWED', text: 'one code' },
    { command: 'netmgr doctor explain', text: 'the list of all' },
    { command: 'netmgr doctor explain --json', text: 'everything, for programs' },
  ],
  run: async (invocation) => {
    const [typed] = invocation.operands;
    await (typed === undefined ? printAll(invocation) : printOne(invocation, codeOf(typed)));
    return EXIT.ok;
  },
};

interface Explained extends Explanation {
  readonly code: ErrorCode;
  readonly meaning: string;
  readonly retryable: boolean;
  readonly work: Work;
  readonly exitCode: number;
}

const explained = (code: ErrorCode): Explained => ({
  code,
  meaning: summaryOf(code),
  retryable: new NetworkError(code, '').retryable,
  work: workOf(code),
  exitCode: EXIT_OF[code],
  ...EXPLANATIONS[code],
});

/** @throws CommandError (2) with the nearest */
function codeOf(typed: string): ErrorCode {
  const code = typed.trim().replaceAll('-', '_').toUpperCase();
  if (isErrorCode(code)) return code;
  const near = nearest(
    code.toLowerCase(),
    ERROR_CODES.map((each) => each.toLowerCase()),
  );
  const hint = near === undefined ? "'netmgr doctor explain' lists them." : `Did you mean ${near.toUpperCase()}?`;
  throw usageError(`'${typed}' is not an error code`, hint);
}

async function printAll(invocation: Invocation): Promise<void> {
  const { output, style } = invocation;
  if (invocation.value(jsonFlag)) {
    await output.document({ schema: 1, codes: ERROR_CODES.map(explained) });
    return;
  }
  const { width } = tableLook(output, style);
  const column = Math.max(...ERROR_CODES.map((code) => code.length)) + 2;
  const lines = ERROR_CODES.map((code) => hanging(code.padEnd(column), summaryOf(code), width));
  await output.data(`${lines.join('\n')}\n`);
}

async function printOne(invocation: Invocation, code: ErrorCode): Promise<void> {
  const { output, style } = invocation;
  const it = explained(code);
  if (invocation.value(jsonFlag)) await output.document({ schema: 1, ...it });
  else await output.data(textOf(it, tableLook(output, style)));
}

const WORK_WORDS: Readonly<Record<Work, string>> = {
  none: 'not begun: nothing was done',
  maybe: 'may have been done: look before you repeat what must not be done twice',
  begun: 'the handler has run, at least in part',
};

const LABEL_WIDTH = 11;

function textOf(it: Explained, { style, width }: TableLook): string {
  const fact = (label: string, text: string) => hanging(`  ${label.padEnd(LABEL_WIDTH)}`, text, width);
  const points = (texts: readonly string[]) => texts.map((text) => hanging('  - ', text, width));
  const exit = it.code === 'INVALID_OPTION' ? `, or ${EXIT.configuration} if it was not typed` : '';
  return [
    wrapWords(`${it.code}: ${it.meaning}`, width).replace(it.code, style.strong(it.code)),
    '',
    fact('looks like', it.example),
    fact('the work', WORK_WORDS[it.work]),
    fact('again', it.retryable ? 'yes: the same call may succeed' : 'no: it fails until something is changed'),
    fact('exit code', `${it.exitCode}${exit}`),
    '',
    'Usual causes:',
    ...points(it.causes),
    '',
    'What to do:',
    ...points(it.next),
    '',
  ].join('\n');
}

/** Less is not enough for words side by side. */
const LEAST_ROOM = 24;

/** Text that begins beside `head` and stays there, if there is room. */
function hanging(head: string, text: string, width: number | undefined): string {
  const room = width === undefined || width - head.length >= LEAST_ROOM;
  return wrapWords(head + text, width, ' '.repeat(room ? head.length : 4));
}
