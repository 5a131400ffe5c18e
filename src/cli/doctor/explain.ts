import { ERROR_CODES, type ErrorCode, isErrorCode, NetworkError, summaryOf } from '../../base/errors.js';
import type { Command, Invocation } from '../command.js';
import { EXIT, EXIT_OF, usageError } from '../exit-codes.js';
import { jsonFlag } from '../global-flags.js';
import { nearest } from '../nearest.js';
import { type TableLook, tableLook } from '../table.js';
import { wrapWords } from '../wrap.js';
import { EXPLANATIONS } from './explanations.js';

export const explainCommand: Command = {
  name: 'explain',
  summary: 'what an error code means, where it comes from, and what to do',
  arguments: [{ name: 'CODE', description: 'as --json and the logs have it; none: all of them' }],
  examples: [
    { command: 'netmgr doctor explain NOT_ALLOWED', text: 'one code' },
    { command: 'netmgr doctor explain', text: 'the list of all' },
  ],
  run: async (invocation) => {
    const [typed] = invocation.operands;
    await (typed === undefined ? printAll(invocation) : printOne(invocation, codeOf(typed)));
    return EXIT.ok;
  },
};

interface Explained {
  readonly code: ErrorCode;
  readonly meaning: string;
  readonly retryable: boolean;
  readonly exitCode: number;
  readonly causes: readonly string[];
  readonly next: readonly string[];
}

const explained = (code: ErrorCode): Explained => ({
  code,
  meaning: summaryOf(code),
  retryable: new NetworkError(code, '').retryable,
  exitCode: EXIT_OF[code],
  ...EXPLANATIONS[code],
});

/** @throws CommandError (2) with the nearest */
function codeOf(typed: string): ErrorCode {
  const code = typed.trim().toUpperCase().replaceAll('-', '_');
  if (isErrorCode(code)) return code;
  const near = nearest(
    code.toLowerCase(),
    ERROR_CODES.map((each) => each.toLowerCase()),
  );
  const hint = near === undefined ? "'netmgr doctor explain' lists them." : `Did you mean ${near.toUpperCase()}?`;
  throw usageError(`'${typed}' is not an error code`, hint);
}

async function printAll(invocation: Invocation): Promise<void> {
  if (invocation.value(jsonFlag)) {
    await invocation.output.document({ schema: 1, codes: ERROR_CODES.map(explained) });
    return;
  }
  const width = Math.max(...ERROR_CODES.map((code) => code.length));
  await invocation.output.data(ERROR_CODES.map((code) => `${code.padEnd(width)}  ${summaryOf(code)}\n`).join(''));
}

async function printOne(invocation: Invocation, code: ErrorCode): Promise<void> {
  const it = explained(code);
  if (invocation.value(jsonFlag)) await invocation.output.document({ schema: 1, ...it });
  else await invocation.output.data(textOf(it, tableLook(invocation.output, invocation.style)));
}

function textOf(it: Explained, { style, width }: TableLook): string {
  const points = (texts: readonly string[]) => texts.map((text) => wrapWords(`  - ${text}`, width, '    '));
  const again = it.retryable ? 'the same call may succeed if it is made again' : 'made again unchanged it fails again';
  return [
    `${style.strong(it.code)}: ${it.meaning}`,
    `${again}; exit code ${it.exitCode}${it.code === 'INVALID_OPTION' ? `, or ${EXIT.configuration} if it was not typed` : ''}`,
    '',
    'Usual causes:',
    ...points(it.causes),
    '',
    'What to do:',
    ...points(it.next),
    '',
  ].join('\n');
}
