import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { ERROR_CODES, NetworkError, summaryOf } from '../../src/base/errors.js';
import { DEFAULT_DECODE_LIMITS } from '../../src/message/codec.js';
import { jsonCodec } from '../../src/message/json-codec.js';
import { closeCodeOf } from '../../src/network/websocket/close-codes.js';

const PAGE = new URL('../../../docs/protocol.md', import.meta.url);

describe('docs/protocol.md', () => {
  let page: string;
  before(async () => {
    page = await readFile(PAGE, 'utf8');
  });

  it('lists every error code, and whether it is worth trying again', () => {
    for (const code of ERROR_CODES) {
      const again = new NetworkError(code, '').retryable ? 'yes' : 'no';
      assert.ok(page.includes(`| \`${code}\` | ${summaryOf(code)} | ${again} |`), code);
    }
  });

  it('lists the close code of every error that has one of its own', () => {
    const other = closeCodeOf('INVALID_MESSAGE');
    assert.match(page, new RegExp(`\\| ${other} \\| any other`));
    for (const code of ERROR_CODES.filter((candidate) => closeCodeOf(candidate) !== other)) {
      assert.match(page, new RegExp(`\\| ${closeCodeOf(code)} \\|.*\`${code}\``), code);
    }
  });

  it('shows a session in which every frame is one that netmgr reads', () => {
    const session = page.slice(page.indexOf('## A whole session'));
    const frames = [...session.matchAll(/^[<>] (.*)$/gm)].map(([, frame]) => frame as string);
    const messages = frames.flatMap((frame) => {
      const { messages: read, invalid } = jsonCodec.decode(frame, DEFAULT_DECODE_LIMITS);
      assert.deepEqual(invalid, []);
      return read;
    });
    const verbs = messages.map(({ kind, type }) => (kind === 'control' ? type : kind));
    for (const verb of [
      'hello',
      'welcome',
      'register',
      'heartbeat',
      'ack',
      'request',
      'response',
      'cancel',
      'goodbye',
    ]) {
      assert.ok(verbs.includes(verb), verb);
    }
  });
});
