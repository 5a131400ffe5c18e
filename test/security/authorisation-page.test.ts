import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { AUTHORISATION, type Grant } from '../../src/security/authorisation.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const PAGE = path.resolve(import.meta.dirname, '../../../docs/security.md');
const WORDS: Readonly<Record<Grant, string>> = {
  yes: 'yes',
  own: 'its own',
  'may-submit': 'with --can-submit',
  redacted: 'redacted',
  no: '–',
};

function tableOfCode(): string {
  const lines = ['| | collaborator | operator | observer |', '| --- | --- | --- | --- |'];
  for (const [action, rule] of Object.entries(AUTHORISATION)) {
    const name = action.startsWith('netmgr.') ? `\`${action}\`: ${rule.what}` : rule.what;
    const grants = [rule.collaborator, rule.operator, rule.observer].map((grant) => WORDS[grant]);
    lines.push(`| ${[name, ...grants].join(' | ')} |`);
  }
  return lines.join('\n');
}

test('the page shows the table of the code; if it fails, what it expected belongs into docs/security.md', async () => {
  const page = await readFile(PAGE, 'utf8');
  const shown = /<!-- table -->\n([\s\S]*?)\n?<!-- \/table -->/.exec(page)?.[1];
  assert.equal(shown, tableOfCode());
});
