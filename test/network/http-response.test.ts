import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type HttpResponse, ResponseParser } from '../../src/network/http/response-parser.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const MAX_BYTES = 5000;

interface Read {
  readonly response: HttpResponse | undefined;
  readonly reusable: boolean;
}

/** Feeds what a server sends, in pieces that end at `cuts`, and then ends the connection. */
function read(text: string, cuts: readonly number[] = [], bodiless = false): Read {
  const parser = new ResponseParser(MAX_BYTES);
  const bytes = Buffer.from(text, 'latin1');
  const ends = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  let from = 0;
  parser.begin(bodiless);
  for (const to of ends) {
    const found = to > from ? parser.push(bytes.subarray(from, to)) : undefined;
    if (found) return { response: found, reusable: parser.reusable && to === bytes.length };
    from = to;
  }
  const response = parser.close();
  return { response, reusable: parser.reusable };
}

interface Sample {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly form: 'length' | 'chunked' | 'close';
  readonly chunks: readonly number[];
  readonly before: readonly number[];
}

const sample: fc.Arbitrary<Sample> = fc.record({
  status: fc.constantFrom(200, 204, 304, 400, 503),
  headers: fc.array(
    fc.tuple(fc.stringMatching(/^X-[A-Za-z0-9-]{1,10}$/), fc.stringMatching(/^(?:[!-~]{1,8}(?: [!-~]{1,8}){0,3})?$/)),
    { maxLength: 5 },
  ),
  body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  form: fc.constantFrom('length', 'chunked', 'close'),
  chunks: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 }),
  before: fc.array(fc.constantFrom(100, 102, 103), { maxLength: 3 }),
});

const isBodiless = ({ status }: Sample): boolean => status === 204 || status === 304;

/** As a server writes it. */
function textOf({ status, headers, body, form, chunks, before }: Sample): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const provisional = before.map((code) => `HTTP/1.1 ${code} Wait\r\nX-Early: 1\r\n\r\n`).join('');
  const start = `${provisional}HTTP/1.1 ${status} Well then\r\n${lines}`;
  if (isBodiless({ status } as Sample)) return `${start}\r\n`;
  if (form === 'close') return `${start}Connection: close\r\n\r\n${body}`;
  if (form === 'length') return `${start}Content-Length: ${body.length}\r\n\r\n${body}`;
  let text = `${start}Transfer-Encoding: Chunked\r\n\r\n`;
  for (let at = 0, i = 0; at < body.length; i += 1) {
    const chunk = body.slice(at, at + (chunks[i % chunks.length] ?? 1));
    text += `${chunk.length.toString(16)}${i % 2 ? ';name="value"' : ''}\r\n${chunk}\r\n`;
    at += chunk.length;
  }
  return `${text}0\r\n${chunks.length > 4 ? 'X-Sum: 1\r\n' : ''}\r\n`;
}

/** Of the headers, those that a sample has. */
function headersOf({ headers }: Sample): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    joined[key] = key in joined ? `${joined[key]}, ${value}` : value;
  }
  return joined;
}

describe('responses', () => {
  it('are read as they were written, in whatever pieces they come', () => {
    fc.assert(
      fc.property(sample, fc.array(fc.nat(), { maxLength: 12 }), (one, cuts) => {
        const { response, reusable } = read(textOf(one), cuts);
        assert.equal(response?.status, one.status);
        assert.equal(response.body.toString('latin1'), isBodiless(one) ? '' : one.body);
        for (const [name, value] of Object.entries(headersOf(one))) assert.equal(response.headers.get(name), value);
        assert.equal(reusable, one.form !== 'close' || isBodiless(one));
      }),
      { numRuns: 500 },
    );
  });

  it('are read as Node reads them', async () => {
    const samples = fc.sample(sample, 60);
    let at = 0;
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(textOf(samples[at] as Sample), 'latin1'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (; at < samples.length; at += 1) {
      const asked = get({ host: '127.0.0.1', port, agent: false });
      const [theirs] = (await once(asked, 'response')) as [IncomingMessage];
      const pieces: Buffer[] = [];
      for await (const piece of theirs) pieces.push(piece);
      const { response } = read(textOf(samples[at] as Sample));
      assert.equal(response?.status, theirs.statusCode);
      assert.deepEqual(response?.body, Buffer.concat(pieces));
      for (const [name, value] of Object.entries(theirs.headers))
        assert.equal(response?.headers.get(name), value, name);
    }
    server.close();
    await once(server, 'close');
  });

  it('say whether another one may follow', () => {
    const of = (head: string, more = ''): boolean => read(`${head}content-length: 1\r\n\r\nx${more}`).reusable;
    assert.ok(of('HTTP/1.1 200 OK\r\n'));
    assert.ok(of('HTTP/1.1 200 OK\r\nconnection: Keep-Alive, foo\r\n'));
    assert.ok(of('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n'));
    assert.ok(!of('HTTP/1.0 200 OK\r\n'));
    assert.ok(!of('HTTP/1.1 200 OK\r\nConnection: foo , CLOSE\r\n'));
    assert.ok(!of('HTTP/1.1 200 OK\r\nconnection: foo\r\nconnection: close\r\n'));
    assert.ok(!of('HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\n'), 'something came that nobody has asked for');
  });

  it('to HEAD have no body, whatever they say of one', () => {
    const head = 'HTTP/1.1 410 Gone\r\ncontent-length: 12\r\n\r\n';
    assert.deepEqual([read(head, [], true).response?.body.length, read(head, [], true).reusable], [0, true]);
    assert.equal(read(head).response, undefined, 'else it is waited for');
  });

  it('that break off are none', () => {
    fc.assert(
      fc.property(sample, fc.nat(), (one, cut) => {
        const text = textOf(one);
        const part = text.slice(0, cut % text.length);
        const { response } = read(part);
        // Only the end of the connection ends such a body.
        const whole = one.form === 'close' && !isBodiless(one) && part.length >= text.length - one.body.length;
        assert.equal(response !== undefined, whole);
      }),
    );
  });
});

describe('what is no response, or could be read in two ways, is refused', () => {
  const ok = (lines: string, body = ''): string => `HTTP/1.1 200 OK\r\n${lines}\r\n\r\n${body}`;
  const long = 'x'.repeat(17_000);
  const cases: readonly (readonly [what: string, text: string, message: RegExp])[] = [
    ['another protocol', 'SSH-2.0-x\r\n\r\n', /first line/],
    ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n', /first line/],
    ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n', /first line/],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', /first line/],
    ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n', /first line/],
    ['a bare CR', 'HTTP/1.1 200 O\rK\r\n\r\n', /first line/],
    ['no colon', ok('hello'), /line of its headers/],
    ['no name', ok(': x'), /line of its headers/],
    ['a space before the colon', ok('content-length : 1', 'x'), /line of its headers/],
    ['a line that goes on', ok('a: b\r\n c'), /line of its headers/],
    ['a bare LF', ok('a: b\nc: d'), /line of its headers/],
    ['a zero byte', ok('a: b\0'), /line of its headers/],
    ['two lengths', ok('content-length: 1\r\ncontent-length: 2', 'xx'), /length is no number/],
    ['a negative length', ok('content-length: -1'), /length is no number/],
    ['a length in hexadecimal', ok('content-length: 0x1', 'x'), /length is no number/],
    ['no length', ok('content-length:'), /length is no number/],
    [
      'a length and a coding',
      ok('content-length: 1\r\ntransfer-encoding: chunked', '0\r\n\r\n'),
      /a length and a trans/,
    ],
    ['another coding', ok('transfer-encoding: gzip, chunked'), /coding is not chunked/],
    ['a coding twice', ok('transfer-encoding: chunked\r\ntransfer-encoding: chunked'), /coding is not chunked/],
    ['another protocol from here on', 'HTTP/1.1 101 Go\r\nupgrade: x\r\n\r\n', /changes the protocol/],
    ['a chunk without a length', ok('transfer-encoding: chunked', 'x\r\n'), /line before a chunk is none/],
    ['a chunk of a negative length', ok('transfer-encoding: chunked', '-1\r\n'), /line before a chunk is none/],
    ['a chunk that is longer than it says', ok('transfer-encoding: chunked', '1\r\nxyz\r\n'), /chunk is longer/],
    ['a body that is too large', ok('content-length: 5001'), /more than 5000 bytes/],
    ['one without a length', ok('a: b', 'x'.repeat(5001)), /more than 5000 bytes/],
    [
      'one in chunks',
      ok('transfer-encoding: chunked', `3e8\r\n${'x'.repeat(1000)}\r\nfff\r\n`),
      /more than 5000 bytes/,
    ],
    ['headers without an end', `HTTP/1.1 200 OK\r\na: ${long}`, /headers is longer/],
    ['headers that are too long', ok(`a: ${long}`), /headers is longer/],
    ['provisional ones without an end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(700), /headers is longer/],
    [
      'trailers without an end',
      ok('transfer-encoding: chunked', `0\r\n${'a: b\r\n'.repeat(3000)}`),
      /trailers is longer/,
    ],
    [
      'a long line before a chunk',
      ok('transfer-encoding: chunked', `1;${'x'.repeat(2000)}`),
      /before a chunk is longer/,
    ],
  ];
  for (const [what, text, message] of cases) {
    it(what, () => {
      assert.throws(() => read(text), message);
      assert.throws(
        () =>
          read(
            text,
            Array.from({ length: text.length }, (_, i) => i),
          ),
        message,
        'byte by byte',
      );
    });
  }

  it('and a body in very many pieces takes no more memory than its bytes', () => {
    const parser = new ResponseParser(200_000);
    parser.begin(false);
    parser.push(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n'));
    let response: HttpResponse | undefined;
    for (let i = 0; i < 100_000; i += 1) response = parser.push(Buffer.from([i % 251]));
    assert.deepEqual(response?.body, Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251)));
  });
});
