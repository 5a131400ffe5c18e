import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { isNetworkError, type NetworkError } from '../../src/base/errors.js';
import { fromBase32, toBase32 } from '../../src/security/invites/base32.js';
import {
  formatToken,
  type JoinToken,
  parseToken,
  publicName,
  redactTokens,
} from '../../src/security/invites/join-token.js';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const id = fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 8, maxLength: 8 });
const role = fc.constantFrom('collaborator' as const, 'operator' as const, 'observer' as const);
const parts = { role, fingerprint: bytes(32), id, secret: bytes(20) };
// Without a liking for zeros, which would make the public id a part of the secret.
const tokens: fc.Arbitrary<JoinToken> = fc.noBias(fc.record(parts, { noNullPrototype: true }));
/** What a keyboard, a mail program or a bad copy puts in the place of a character. */
const wrongCharacter = fc.oneof(
  fc.constantFrom(...ALPHABET, '0', '1', '8', '9', '-', '_', '.', '—', 'ß', '\u0000', '😀'),
  fc.string({ minLength: 1, maxLength: 1 }).filter((text) => text.trim() !== ''),
);

/** Made by other programs: Python's base64, zlib and struct. */
const KNOWN =
  'nmtk-1-c-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq-k3f7abcd-mrswmz3infvgw3dnnzxxa4lson2hk5tx-aamec3y';
const known: JoinToken = {
  role: 'collaborator',
  fingerprint: Uint8Array.from({ length: 32 }, (_, index) => index),
  id: 'k3f7abcd',
  secret: Uint8Array.from({ length: 20 }, (_, index) => 100 + index),
};

function refusal(text: string): NetworkError {
  try {
    parseToken(text);
  } catch (error) {
    assert.ok(isNetworkError(error));
    assert.equal(error.code, 'INVALID_OPTION');
    assert.ok(error.hint !== undefined && error.hint !== '');
    return error;
  }
  assert.fail(`${JSON.stringify(text)} was taken for a token`);
}

/** Gives a body the checksum that belongs to it. */
function withChecksum(body: string): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return `${body}-${toBase32(sum)}`;
}

/** Nothing of the secret, the checksum or the fingerprint stands in what is told; five characters in a row may be chance. */
function tellsNothing(text: string, token: string): void {
  const [, , , fingerprint = '', , secret = '', checksum = ''] = token.split('-');
  for (const part of [secret, checksum, fingerprint]) {
    for (let at = 0; at + 6 <= part.length; at += 1) {
      assert.ok(!text.toLowerCase().includes(part.slice(at, at + 6)), text);
    }
  }
}

describe('base32', () => {
  test('agrees with RFC 4648', () => {
    const vectors = {
      '': '',
      f: 'my',
      fo: 'mzxq',
      foo: 'mzxw6',
      foob: 'mzxw6yq',
      fooba: 'mzxw6ytb',
      foobar: 'mzxw6ytboi',
    };
    for (const [plain, coded] of Object.entries(vectors)) {
      assert.equal(toBase32(Buffer.from(plain)), coded);
      assert.equal(Buffer.from(fromBase32(coded) ?? []).toString(), plain);
    }
  });

  test('reads back what it wrote, and only that', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (given) => {
        assert.deepEqual(fromBase32(toBase32(given)), given);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...ALPHABET, '1', 'A', '='), maxLength: 20 }), (text) => {
        const read = fromBase32(text);
        if (read !== undefined) assert.equal(toBase32(read), text);
      }),
    );
  });
});

describe('a join token', () => {
  test('is what other programs make of the same parts', () => {
    assert.equal(formatToken(known), KNOWN);
    assert.deepEqual(parseToken(KNOWN), known);
  });

  test('is read back, whatever its parts', () => {
    fc.assert(fc.property(tokens, (token) => assert.deepEqual(parseToken(formatToken(token)), token)));
  });

  test('may be pasted in capitals, broken over lines and indented', () => {
    const noise = fc.constantFrom('', '', '', ' ', '\n', '\r\n    ', '\t', '\u00a0', '\u200b', '\ufeff');
    fc.assert(
      fc.property(
        tokens,
        fc.infiniteStream(fc.boolean()),
        fc.array(noise, { minLength: 112, maxLength: 112 }),
        (token, upper, gaps) => {
          const text = formatToken(token);
          const pasted = [...text].map((letter, at) => gaps[at] + (upper.next().value ? letter.toUpperCase() : letter));
          assert.deepEqual(parseToken(pasted.join('') + gaps[111]), token);
        },
      ),
    );
  });

  test('with one wrong character anywhere is refused for its checksum', () => {
    fc.assert(
      fc.property(tokens, wrongCharacter, (token, wrong) => {
        const text = formatToken(token);
        for (let at = 0; at < text.length; at += 1) {
          const typo = text.slice(0, at) + wrong + text.slice(at + 1);
          if (typo.toLowerCase() === text) continue;
          const { message } = refusal(typo);
          assert.match(message, /checksum does not match/, `${at}: ${typo}`);
          assert.match(message, /typo/);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('with one character too many or too few says how many it has', () => {
    fc.assert(
      fc.property(tokens, fc.nat(110), fc.constantFrom(...ALPHABET), (token, at, extra) => {
        const text = formatToken(token);
        assert.match(refusal(text.slice(0, at) + text.slice(at + 1)).message, /checksum does not match.* 110 /);
        assert.match(refusal(text.slice(0, at) + extra + text.slice(at)).message, /checksum does not match.* 112 /);
      }),
    );
  });

  test('with two neighbours that changed places is refused', () => {
    const text = KNOWN;
    for (let at = 0; at + 1 < text.length; at += 1) {
      const [left = '', right = ''] = text.slice(at, at + 2);
      if (left === right) continue;
      const swapped = text.slice(0, at) + right + left + text.slice(at + 2);
      assert.match(refusal(swapped).message, /checksum does not match/, swapped);
    }
  });

  test('says where the typo is, if that can be seen', () => {
    const parts = KNOWN.split('-');
    const spoilt = (part: number, text: string) => parts.map((each, index) => (index === part ? text : each)).join('-');
    const secret = parts[5] ?? '';
    assert.match(refusal(spoilt(5, `${secret.slice(0, 6)}0${secret.slice(7)}`)).message, /character 7 of its secret/);
    assert.match(refusal(spoilt(3, `8${parts[3]?.slice(1)}`)).message, /character 1 of its fingerprint/);
    assert.match(refusal(spoilt(2, 'x')).message, /character 1 of its role/);
    assert.match(
      refusal(`nmtk-1-c-${parts[3]}a-k3f7abc-${secret}-${parts[6]}`).message,
      /its fingerprint has 53 characters/,
    );
    assert.match(refusal(KNOWN.replace('abcd-', 'abcdx')).message, /6 parts between its dashes instead of 7/);
    assert.match(refusal(spoilt(6, 'aaaaaaa')).message, /^the join token nmtk-1-c-…-k3f7abcd has a typo/);
  });

  test('is told from what is none', () => {
    for (const text of [
      '',
      ' ',
      'hello',
      'nmtk',
      'a'.repeat(111),
      'x'.repeat(1_000_000),
      'kubeadm join 10.0.0.1:6443',
    ]) {
      assert.match(refusal(text).message, /(no join token|not whole)/);
    }
  });

  test('of another version says so', () => {
    const body = KNOWN.slice(0, KNOWN.lastIndexOf('-'));
    const { message, hint } = refusal(withChecksum(body.replace('nmtk-1', 'nmtk-2')));
    assert.match(message, /another version/);
    assert.match(hint ?? '', /Install/);
  });

  test('whose checksum is right but whose parts are not is refused', () => {
    const parts = KNOWN.split('-').slice(0, 6);
    const spoilt = (part: number, text: string) => parts.map((each, at) => (at === part ? text : each)).join('-');
    for (const body of [
      spoilt(2, 'x'),
      spoilt(2, 'constructor'),
      spoilt(3, 'short'),
      // Bits behind the end: the same bytes in another spelling.
      spoilt(3, `${parts[3]?.slice(0, -1)}r`),
      spoilt(4, 'K3F7ABC0'),
      spoilt(5, ''),
      `${parts.join('-')}-more`,
    ]) {
      tellsNothing(refusal(withChecksum(body.toLowerCase())).message, KNOWN);
    }
  });

  test('tells nothing of itself in any error', () => {
    const mutation = fc.record({ at: fc.nat(110), drop: fc.nat(60), insert: fc.string({ maxLength: 3 }) });
    fc.assert(
      fc.property(tokens, fc.array(mutation, { minLength: 1, maxLength: 3 }), (token, mutations) => {
        const text = formatToken(token);
        let spoilt = text;
        for (const { at, drop, insert } of mutations) spoilt = spoilt.slice(0, at) + insert + spoilt.slice(at + drop);
        try {
          parseToken(spoilt);
        } catch (error) {
          assert.ok(isNetworkError(error));
          tellsNothing(`${error.message} ${error.hint} ${error.stack} ${JSON.stringify(error)}`, text);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('that has parts of the wrong size is not made, and not told', () => {
    for (const wrong of [
      { secret: new Uint8Array(19) },
      { fingerprint: new Uint8Array(31) },
      { id: 'UPPERCAS' },
      { id: 'abc' },
    ]) {
      assert.throws(
        () => formatToken({ ...known, ...wrong }),
        (error) => isNetworkError(error) && error.code === 'INTERNAL' && !/[a-z2-7]{20}/.test(error.message),
      );
    }
  });
});

describe('a token in a text', () => {
  test('has a name without its secret', () => {
    assert.equal(publicName(known), 'nmtk-1-c-…-k3f7abcd');
    assert.equal(redactTokens('use nmtk-1-c-…-k3f7abcd'), 'use nmtk-1-c-…-k3f7abcd');
  });

  test('loses its secret, however it was broken or spelled, and the text stays', () => {
    fc.assert(
      fc.property(
        tokens,
        fc.nat(110),
        fc.constantFrom('', '\n', ' \r\n  ', ' '),
        fc.boolean(),
        (token, at, gap, upper) => {
          const text = formatToken(token);
          const broken = text.slice(0, at) + gap + text.slice(at);
          const shown = redactTokens(`before "${upper ? broken.toUpperCase() : broken}" after`);
          tellsNothing(shown, text);
          assert.ok(shown.startsWith('before "') && shown.endsWith('" after'), shown);
          assert.ok(shown.includes(`${publicName(token)}-[secret]`), shown);
        },
      ),
    );
  });

  test('loses its secret also with a typo in it, or cut short', () => {
    fc.assert(
      fc.property(tokens, fc.nat(106), fc.constantFrom('0', '-', '_', ''), (token, at, typo) => {
        const text = formatToken(token);
        // Behind the prefix, without which nobody can know what it was.
        const spoilt = `${text.slice(0, 4 + at)}${typo}${text.slice(5 + at)}`;
        tellsNothing(redactTokens(`--token=${spoilt};`), text);
        tellsNothing(redactTokens(text.slice(0, 80)), text);
      }),
    );
  });

  test('costs no more time than the text is long', () => {
    const text = 'nmtk-1-c-'.repeat(100_000) + 'n m t k -'.repeat(100_000);
    assert.ok(redactTokens(text).length < text.length);
  });
});
