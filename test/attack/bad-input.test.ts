import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { helloPayload, until } from '../network/websocket-nodes.js';
import { Arena, answerTo } from './arena.js';

assertNothingLeft();

interface Case {
  readonly name: string;
  /** Fields over those of a valid message; `undefined` leaves one out. */
  readonly fields?: Record<string, unknown>;
  /** Or the frame itself. */
  readonly frame?: string | Buffer;
  readonly code: string;
  readonly text: RegExp;
}

const MEBIBYTE = 1024 * 1024;
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const write = (fields: Record<string, unknown>): string =>
  JSON.stringify({ v: 1, id: 'bad-1', kind: 'event', type: 'noise', from: 'evil', ts: 1, ...fields });
const withPayload = (payload: string): string => write({ payload: 0 }).replace('"payload":0', `"payload":${payload}`);

/** What is wrong in itself, whoever says it and when. */
const BROKEN: readonly Case[] = [
  { name: 'text that is not JSON', frame: 'hello there', code: 'DESERIALIZATION', text: /'h'|byte 0/ },
  { name: 'JSON that is cut off', frame: '{"v":1,"id":"a"', code: 'DESERIALIZATION', text: /end of the frame|byte 15/ },
  { name: 'a value that is no message', frame: '"hello"', code: 'DESERIALIZATION', text: /a message or a list/ },
  { name: 'an empty frame', frame: '', code: 'DESERIALIZATION', text: /a message or a list/ },
  { name: 'an empty batch', frame: '[]', code: 'DESERIALIZATION', text: /empty batch/ },
  { name: 'a binary frame', frame: Buffer.from('{}'), code: 'DESERIALIZATION', text: /netmgr\.v1\.json.*binary/ },
  { name: 'another version', fields: { v: 2 }, code: 'VERSION_MISMATCH', text: /^v: .*version 2.*version 1/ },
  { name: 'no version', fields: { v: undefined }, code: 'INVALID_MESSAGE', text: /^v: missing/ },
  { name: 'no id', fields: { id: undefined }, code: 'INVALID_MESSAGE', text: /^id: missing.*1 to 64/ },
  { name: 'an id of 65 characters', fields: { id: 'x'.repeat(65) }, code: 'INVALID_MESSAGE', text: /^id: .*1 to 64/ },
  { name: 'an unknown kind', fields: { kind: 'order' }, code: 'INVALID_MESSAGE', text: /^kind: 'order' .*event/ },
  { name: 'a kind that is a list', fields: { kind: ['event'] }, code: 'INVALID_MESSAGE', text: /^kind: a list/ },
  { name: 'a type with a space', fields: { type: 'a b' }, code: 'INVALID_MESSAGE', text: /^type: 'a b'.*1 to 128/ },
  { name: 'a type that is a number', fields: { type: 7 }, code: 'INVALID_MESSAGE', text: /^type: 7 .*1 to 128/ },
  { name: 'no sender', fields: { from: undefined }, code: 'INVALID_MESSAGE', text: /^from: missing.*1 to 63/ },
  {
    name: 'control characters in a name',
    fields: { from: 'ev\u001b[2Jil\u202e' },
    code: 'INVALID_MESSAGE',
    text: /^from: 'ev\\x1b\[2Jil\\u202e' .*1 to 63/,
  },
  { name: 'a target that is an object', fields: { to: {} }, code: 'INVALID_MESSAGE', text: /^to: an object/ },
  { name: 'a time that is a text', fields: { ts: 'now' }, code: 'INVALID_MESSAGE', text: /^ts: 'now' .*milliseconds/ },
  { name: 'a time with a fraction', fields: { ts: 1.5 }, code: 'INVALID_MESSAGE', text: /^ts: 1\.5 / },
  { name: 'no time to wait', fields: { ttl: 0 }, code: 'INVALID_MESSAGE', text: /^ttl: 0 .*1 to 604800000/ },
  { name: 'a year to wait', fields: { ttl: 3.2e10 }, code: 'INVALID_MESSAGE', text: /^ttl: 32000000000 .*604800000/ },
  { name: 'an unknown priority', fields: { priority: 'now' }, code: 'INVALID_MESSAGE', text: /^priority: .*critical/ },
  { name: 'a component that is null', fields: { component: null }, code: 'INVALID_MESSAGE', text: /^component: null/ },
  { name: 'a body of no size', fields: { body: { size: 'big' } }, code: 'INVALID_MESSAGE', text: /^body\.size: 'big'/ },
  { name: 'an answer to nothing', fields: { kind: 'response' }, code: 'INVALID_MESSAGE', text: /^re: missing/ },
  { name: 'a payload 65 deep', frame: withPayload(nested(65)), code: 'TOO_LARGE', text: /more than 64 deep/ },
  {
    name: 'a key that poisons objects',
    frame: write({ kind: 'control', type: 'hello', payload: 0 }).replace(
      '"payload":0',
      `"payload":${JSON.stringify(helloPayload()).slice(0, -1)},"greeting":{"__proto__":{"admin":true}}}`,
    ),
    code: 'INVALID_MESSAGE',
    text: /payload\.greeting\.__proto__/,
  },
];

/** What is too long for a peer that has not authenticated, and is cut off there without a word. */
const HUGE: readonly Case[] = [
  {
    name: 'a name of a megabyte',
    fields: { from: 'a'.repeat(1_000_000) },
    code: 'INVALID_MESSAGE',
    text: /^from: 'a{70,80}…?' .*1 to 63/,
  },
  {
    name: 'a type of a megabyte',
    fields: { type: 'a'.repeat(1_000_000) },
    code: 'INVALID_MESSAGE',
    text: /^type: 'a{70,80}…?' .*1 to 128/,
  },
  { name: 'brackets for a megabyte', frame: withPayload('['.repeat(1_000_000)), code: 'TOO_LARGE', text: /64 deep/ },
  {
    name: 'an object of 10,001 keys',
    frame: withPayload(`{${Array.from({ length: 10_001 }, (_, i) => `"k${i}":0`).join()}}`),
    code: 'TOO_LARGE',
    text: /more than 10000 keys/,
  },
  { name: 'a batch of 4,097', frame: `[${Array(4097).fill(write({})).join()}]`, code: 'TOO_LARGE', text: /4096/ },
];

const CLOSE_CODES: Readonly<Record<string, number>> = { TOO_LARGE: 4413, VERSION_MISMATCH: 4426 };
const frameOf = ({ frame, fields }: Case): string | Buffer => frame ?? write(fields ?? {});

test('before the handshake each ends the connection, which is told what was wrong', async (t) => {
  await using arena = await Arena.open();
  for (const bad of BROKEN) {
    await t.test(bad.name, async () => {
      const before = arena.counter('unauthenticatedInvalid');
      const stranger = await arena.stranger('evil');
      stranger.socket.send(frameOf(bad));
      await until(() => stranger.closeCode !== undefined, 'the close');
      assert.equal(stranger.error('hello')?.code, bad.code);
      assert.match(stranger.error('hello')?.message ?? '', bad.text);
      assert.equal(stranger.closeCode, CLOSE_CODES[bad.code] ?? 4400);
      assert.equal(arena.counter('unauthenticatedInvalid'), before + 1);
      assert.equal(stranger.messages.length, 1, 'nothing but the error');
      await arena.assertHonestServed();
    });
  }
  assert.equal(arena.leader.status().nodes.length, 1, 'none of them became a member');
  assert.equal((Object.prototype as { admin?: boolean }).admin, undefined);
});

test('before the handshake more than 4 KiB is cut off', async (t) => {
  await using arena = await Arena.open();
  for (const bad of HUGE) {
    await t.test(bad.name, async () => {
      const before = arena.counter('unauthenticatedInvalid');
      const stranger = await arena.stranger('evil');
      stranger.socket.send(frameOf(bad));
      await until(() => stranger.closeCode !== undefined, 'the close');
      assert.equal(arena.counter('unauthenticatedInvalid'), before + 1);
      await arena.assertHonestServed();
    });
  }
});

test('after the handshake each is answered with field and limit, and the connection goes on', async (t) => {
  await using arena = await Arena.open();
  for (const [index, bad] of [...BROKEN, ...HUGE].entries()) {
    await t.test(bad.name, async () => {
      const before = arena.counter('invalidMessages');
      const self = `evil-${index}`;
      const member = await arena.member(self);
      const frame = frameOf(bad);
      member.socket.send(typeof frame === 'string' ? frame.replaceAll('"from":"evil"', `"from":"${self}"`) : frame);
      await until(() => member.error('message') !== undefined, 'the error');
      const error = member.error('message');
      assert.equal(error?.code, bad.code);
      assert.match(error?.message ?? '', bad.text);
      assert.ok((error?.message ?? '').length < 300, 'short enough to be read');
      assert.equal(arena.counter('invalidMessages'), before + 1);
      const id = member.say({ kind: 'request', type: 'ping', payload: 'still here' });
      assert.equal(await answerTo(member, id), 'still here');
      await arena.assertHonestServed();
      member.socket.close();
    });
  }
  assert.equal((Object.prototype as { admin?: boolean }).admin, undefined);
});

test('one bad message of a batch is answered by its id, the others of it count', async () => {
  await using arena = await Arena.open();
  const member = await arena.member('evil');
  const good = (id: string) => write({ id, kind: 'request', type: 'ping', payload: id });
  member.socket.send(`[${good('g-1')},${write({ id: 'b-1', ttl: -5 })},${good('g-2')}]`);
  assert.equal(await answerTo(member, 'g-1'), 'g-1');
  assert.equal(await answerTo(member, 'g-2'), 'g-2');
  assert.match(String((await answerTo(member, 'b-1')).message), /^ttl: -5 /);
});

test('16 invalid messages within 10 s end the connection, with the last of them in the reason', async () => {
  await using arena = await Arena.open();
  const member = await arena.member('evil');
  for (let i = 0; i < 15; i += 1) member.say({ ttl: 0 });
  const id = member.say({ kind: 'request', type: 'ping', payload: 'alive' });
  assert.equal(await answerTo(member, id), 'alive');
  member.say({ priority: 'urgent' });
  await until(() => member.closeCode !== undefined, 'the close');
  assert.equal(member.closeCode, 4400);
  assert.match(member.error('connection')?.message ?? '', /16 invalid messages within 10000 ms; the last: priority/);
  assert.equal(arena.counter('faultyClosed'), 1);
  assert.equal(arena.status('evil'), 'lost');
  await arena.assertHonestServed();
});

test('frames that WebSocket itself forbids end the connection', async (t) => {
  await using arena = await Arena.open();
  const cases: readonly (readonly [string, number, (socket: import('ws').WebSocket) => void])[] = [
    ['a frame of more than 1 MiB', 1009, (socket) => socket.send(`"${'x'.repeat(MEBIBYTE)}"`)],
    [
      '65 fragments',
      1008,
      (socket) => {
        for (let i = 0; i < 65; i += 1) socket.send(' ', { fin: i === 64 });
      },
    ],
    ['text that is not UTF-8', 1007, (socket) => socket.send(Buffer.from([0x22, 0xff, 0xfe, 0x22]), { binary: false })],
  ];
  for (const [index, [name, code, attack]] of cases.entries()) {
    await t.test(name, async () => {
      const before = arena.counter('framingErrors');
      const member = await arena.member(`evil-${index}`);
      attack(member.socket);
      await until(() => member.closeCode !== undefined, 'the close');
      assert.equal(member.closeCode, code);
      assert.equal(arena.counter('framingErrors'), before + 1);
      await until(() => arena.status(`evil-${index}`) === 'lost', 'the leader to know');
      await arena.assertHonestServed();
    });
  }
});

const HELLOS: readonly Case[] = [
  { name: 'no role', fields: { role: undefined }, code: 'INVALID_MESSAGE', text: /hello\.role must be one of/ },
  { name: 'the role of the leader', fields: { role: 'leader' }, code: 'NOT_ALLOWED', text: /leader/ },
  { name: 'an operator from the network', fields: { role: 'operator' }, code: 'NOT_ALLOWED', text: /UNIX socket/ },
  { name: 'a long instance', fields: { instance: 'x'.repeat(65) }, code: 'INVALID_MESSAGE', text: /instance.*1 to 64/ },
  { name: 'a version that is a list', fields: { version: [] }, code: 'INVALID_MESSAGE', text: /version.*1 to 64/ },
  { name: 'another cluster', fields: { cluster: 'other' }, code: 'CLUSTER_MISMATCH', text: /default.*other/ },
  { name: 'a cluster of spaces', fields: { cluster: '  ' }, code: 'INVALID_MESSAGE', text: /hello\.cluster/ },
  { name: 'a small window', fields: { window: 16 }, code: 'INVALID_MESSAGE', text: /hello\.window.*4096/ },
  { name: 'a greeting that is null', fields: { greeting: 0 }, code: 'INVALID_MESSAGE', text: /hello\.greeting/ },
];
const HELLO_CLOSE: Readonly<Record<string, number>> = { NOT_ALLOWED: 4403, CLUSTER_MISMATCH: 4421 };

test('a hello that is wrong is refused by its field', async (t) => {
  await using arena = await Arena.open();
  for (const { name, fields, code, text } of HELLOS) {
    await t.test(name, async () => {
      const stranger = await arena.stranger('evil');
      const id = stranger.say({ kind: 'control', type: 'hello', payload: helloPayload(fields) });
      await until(() => stranger.closeCode !== undefined, 'the close');
      assert.equal(stranger.error('hello')?.code, code);
      assert.match(stranger.error('hello')?.message ?? '', text);
      assert.equal(stranger.error('hello')?.re, id);
      assert.equal(stranger.closeCode, HELLO_CLOSE[code] ?? 4400);
    });
  }
  assert.equal(arena.counter('joinsRefused'), HELLOS.length);
  await arena.assertHonestServed();
});
