import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { ERROR_CODES, type ErrorCode, isErrorCode, NetworkError, type Work, workOf } from '../../src/base/errors.js';
import { isTransient, outcomeOf } from '../../src/network/reliable/policy.js';
import { partsOfPage } from './page.js';

const page = (name: string): URL => new URL(`../../../docs/${name}`, import.meta.url);
const markOf = (name: string): RegExp => new RegExp(`(<!-- ${name} -->\\n)([\\s\\S]*?)(\\n<!-- /${name} -->)`);

describe('docs/errors.md', () => {
  it('shows the tables of the code; with WRITE_DOCS=1 this test writes them', async () => {
    let text = await readFile(page('errors.md'), 'utf8');
    for (const [name, expected] of Object.entries(partsOfPage())) {
      const mark = markOf(name);
      assert.match(text, mark);
      if (process.env['WRITE_DOCS'] === '1')
        text = text.replace(mark, (_all, begin, _old, end) => begin + expected + end);
      else assert.equal(mark.exec(text)?.[2], expected);
    }
    if (process.env['WRITE_DOCS'] === '1') await writeFile(page('errors.md'), text);
  });

  it('says of names that are used elsewhere which code they have here', async () => {
    const text = await readFile(page('errors.md'), 'utf8');
    const rows = text.slice(text.indexOf('## Other names')).matchAll(/^\| `.+` \| `([A-Z_]+)`/gm);
    const codes = [...rows].map(([, code]) => code);
    assert.ok(codes.length >= 13);
    assert.deepEqual(
      codes.filter((code) => !isErrorCode(code)),
      [],
    );
  });
});

/** Retries of everything that the policy can retry. */
const POLICY = { retryOnTimeout: true, retryOnError: true, permanent: new Set<ErrorCode>() };
const DONE: Readonly<Record<string, Work>> = { yes: 'maybe', no: 'none', 'in part': 'begun' };

describe('docs/reliable.md', () => {
  it('says of every code that is retryable what the policy does, and whether the work may have been done', async () => {
    const text = await readFile(page('reliable.md'), 'utf8');
    const table = text.slice(text.indexOf('## What is tried again'), text.indexOf('`permanent:'));
    const shown = new Set<string>();
    for (const row of table.split('\n').filter((line) => /^\| [A-Z]/.test(line))) {
      const [names = '', again = '', held = '', done = ''] = row
        .split('|')
        .slice(1)
        .map((cell) => cell.trim());
      const words: readonly string[] = names.match(/[A-Z_]{2,}/g) ?? [];
      for (const code of words.filter(isErrorCode)) {
        shown.add(code);
        const error = new NetworkError(code, '');
        assert.equal(again.startsWith('if'), isTransient(error, POLICY), `${code}: tried again`);
        assert.equal(held === 'yes', outcomeOf(error) === 'failure', `${code}: held against the peer`);
        if (done !== '–') assert.equal(DONE[done], workOf(code), `${code}: may have been done`);
      }
    }
    assert.deepEqual(
      ERROR_CODES.filter((code) => new NetworkError(code, '').retryable && !shown.has(code)),
      [],
    );
  });
});
