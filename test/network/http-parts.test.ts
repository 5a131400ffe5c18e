import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ERROR_CODES } from '../../src/base/errors.js';
import { DEFAULT_DECODE_LIMITS } from '../../src/message/codec.js';
import { readJsonValue, writeJsonValue } from '../../src/message/json-value.js';
import { parseBaseUrl } from '../../src/network/http/base-url.js';
import { type Card, Cards, cardText } from '../../src/network/http/card.js';
import { codecOf, compressed, expanded, mediaType, takesGzip } from '../../src/network/http/media.js';
import { Recent } from '../../src/network/http/recent.js';
import { codeOf, statusOf } from '../../src/network/http/status.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,62}$/);

describe('cards', () => {
  const card: fc.Arbitrary<Card> = fc.record({
    node: name,
    to: fc.option(name, { nil: undefined }),
    cluster: fc.option(name, { nil: undefined }),
    role: fc.constantFrom('collaborator', 'leader', 'operator', 'observer'),
    instance: fc.stringMatching(/^[\x21-\x3a\x3c-\x7e]{1,64}$/),
    version: fc.string({ minLength: 1, maxLength: 5, unit: 'grapheme' }),
    reads: fc.subarray(['json', 'msgpack', 'gzip', 'deflate'], { minLength: 1 }).map((names) => new Set(names)),
    maxFrameBytes: fc.integer({ min: 4096, max: 2 ** 40 }),
  });

  it('are read as they were written, and are fit for a header', () => {
    const cards = new Cards();
    const { version } = cards.read(cardText({ ...fc.sample(card, 1)[0], version: `\ud800${'x'.repeat(100)}` } as Card));
    assert.equal(version, `\ufffd${'x'.repeat(63)}`, 'what cannot be written, and what is too long');
    fc.assert(
      fc.property(card, (one) => {
        const text = cardText(one);
        assert.match(text, /^[\x20-\x7e]+$/);
        assert.deepEqual(cards.read(text), { ...one });
        assert.equal(cards.read(text), cards.read(`${text}`), 'known ones are not read again');
      }),
    );
  });

  it('name what is wrong with them, and are never half read', () => {
    const cases: readonly (readonly [text: string, message: RegExp])[] = [
      ['', /'' is no KEY=VALUE/],
      ['node', /'node' is no KEY=VALUE/],
      ['node=a; node=b; instance=1', /'node=b' is no KEY=VALUE, or comes twice/],
      ['instance=1', /node is missing/],
      ['node=A; instance=1', /node cannot be 'A'/],
      ['node=a; to=?; instance=1', /to cannot be '\?'/],
      ['node=a; cluster=*; instance=1', /cluster cannot be/],
      ['node=a', /instance is missing/],
      ['node=a; instance=a b', /instance cannot be 'a b'/],
      [`node=a; instance=${'x'.repeat(65)}`, /instance cannot be/],
      ['node=a; instance=1; role=king', /role cannot be 'king'/],
      ['node=a; instance=1; version=%', /version cannot be '%'/],
      ['node=a; instance=1; version=', /version cannot be ''/],
      ['node=a; instance=1; max=12', /max cannot be '12'/],
      ['node=a; instance=1; max=NaN', /max cannot be 'NaN'/],
    ];
    const cards = new Cards();
    for (const [text, message] of cases)
      assert.throws(() => cards.read(text), { code: 'INVALID_MESSAGE', message }, text);
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          assert.match(cards.read(text).node, /^[a-z0-9]/);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'INVALID_MESSAGE');
        }
      }),
    );
  });

  it('say what is left out, and take what is unknown', () => {
    const { to, cluster, role, version, reads, maxFrameBytes } = new Cards().read('node=a; instance=1; colour=blue');
    assert.deepEqual([to, cluster, role, version], [undefined, undefined, 'collaborator', 'unknown']);
    assert.deepEqual([[...reads], maxFrameBytes], [['json'], 1024 * 1024]);
  });

  it('that many strangers show are not all remembered', () => {
    const cards = new Cards();
    const first = cards.read('node=a; instance=1');
    for (let i = 0; i < 1500; i += 1) cards.read(`node=n${i}; instance=1`);
    assert.notEqual(cards.read('node=a; instance=1'), first);
  });
});

describe('bodies', () => {
  it('have a type, with or without parameters', () => {
    assert.equal(codecOf('application/json')?.name, 'json');
    assert.equal(codecOf('Application/JSON; charset=utf-8')?.name, 'json');
    assert.equal(codecOf('application/msgpack')?.name, 'msgpack');
    for (const type of [undefined, '', 'text/json', 'application/jsonp']) assert.equal(codecOf(type), undefined, type);
    assert.equal(mediaType(' Text/Plain ;x=1'), 'text/plain');
  });

  it('are in gzip for those who take it', () => {
    for (const header of ['gzip', 'deflate, gzip', 'GZIP;q=0.5, br', 'br,gzip ;q=1.0'])
      assert.ok(takesGzip(header), header);
    for (const header of [undefined, '', 'deflate', 'gzip;q=0', 'gzip;q=0.000, br', 'xgzip', 'gzip2'])
      assert.ok(!takesGzip(header), header);
  });

  it('come out as they went in, and no larger than they may', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (bytes) => {
        const packed = compressed(bytes, bytes.length);
        if (packed === undefined) return;
        assert.ok(packed.length < bytes.length);
        assert.deepEqual(new Uint8Array(expanded(packed, 'gzip', bytes.length)), bytes);
        assert.throws(() => expanded(packed, 'gzip', bytes.length - 1), { code: 'TOO_LARGE' });
      }),
    );
    assert.throws(() => expanded(Buffer.from('x'), 'deflate', 10), { code: 'DESERIALIZATION' });
    assert.equal(expanded(Buffer.from('x'), 'identity', 10).toString(), 'x');
  });

  it('that are values in JSON are read as payloads are', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = writeJsonValue(value);
        assert.deepEqual(readJsonValue(Buffer.from(text), DEFAULT_DECODE_LIMITS), JSON.parse(JSON.stringify(value)));
      }),
    );
    const bytes = writeJsonValue({ a: new Uint8Array([1, 2]) });
    assert.equal(bytes, '{"a":{"$b64":"AQI="}}');
    assert.deepEqual(readJsonValue(Buffer.from(bytes), DEFAULT_DECODE_LIMITS), { a: new Uint8Array([1, 2]) });
    for (const [text, code] of [
      ['', 'DESERIALIZATION'],
      ['{} x', 'DESERIALIZATION'],
      ['"\xff"', 'DESERIALIZATION'],
      ['{"$b64":"!"}', 'DESERIALIZATION'],
      [`${'['.repeat(65)}${']'.repeat(65)}`, 'TOO_LARGE'],
    ] as const) {
      assert.throws(
        () => readJsonValue(Buffer.from(text, 'latin1'), DEFAULT_DECODE_LIMITS),
        { code },
        text.slice(0, 9),
      );
    }
    assert.throws(() => writeJsonValue(() => {}), { code: 'SERIALIZATION' });
    assert.throws(() => writeJsonValue({ toJSON: () => undefined }), { code: 'SERIALIZATION' });
  });
});

describe('addresses', () => {
  const rules = { node: 'b', secure: false, plaintext: true };

  it('are taken apart', () => {
    const { host, port, authority, prefix } = parseBaseUrl('http://[::1]:81/a/b//', rules);
    assert.deepEqual([host, port, authority, prefix], ['::1', 81, '[::1]:81', '/a/b']);
    assert.equal(parseBaseUrl('http://example.com', rules).authority, 'example.com:80');
    assert.equal(parseBaseUrl('https://example.com', { ...rules, secure: true }).port, 443);
  });

  it('are on this host, or plaintext may leave it', () => {
    const local = { ...rules, plaintext: false };
    for (const host of ['127.0.0.1', '[::1]', 'localhost', '127.8.8.8']) parseBaseUrl(`http://${host}`, local);
    for (const host of ['10.0.0.1', '[::2]', 'localhost.example', '127.0.0.1.example', '0.0.0.0'])
      assert.throws(() => parseBaseUrl(`http://${host}`, local), { code: 'INVALID_OPTION' }, host);
  });
});

describe('codes and statuses', () => {
  it('every code has a status of an error', () => {
    for (const code of ERROR_CODES) assert.ok(statusOf(code) >= 400 && statusOf(code) < 600, code);
  });

  it('every status of an error has a code', () => {
    for (let status = 400; status < 600; status += 1) assert.ok(ERROR_CODES.includes(codeOf(status)), `${status}`);
  });
});

describe('what has come in lately', () => {
  it('is known, up to a number', () => {
    const recent = new Recent();
    const ids = Array.from({ length: 5000 }, (_, i) => `abcdefghijkl-${i}`);
    assert.ok(!recent.has('abcdefghijkl-0'));
    for (const id of ids) recent.add(id);
    assert.deepEqual(
      ids.map((id) => recent.has(id)),
      ids.map((_, i) => i >= 5000 - 4096),
    );
    assert.ok(!recent.has('abcdefghijkl-5000') && !recent.has(''));
  });
});
