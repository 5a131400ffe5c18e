import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { createLeader, handle } from '../../src/index.js';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { assertNothingLeft } from '../leaks.js';
import { until } from '../network/websocket-nodes.js';
import { attackersAddress, Fortress, manyAddresses } from './fortress.js';
import { RecordingLog } from './recording-log.js';

assertNothingLeft();

/** A client's frame: mask of zeros, at most 125 bytes. */
const frame = (opcode: number, text: string, fin: boolean): Buffer =>
  Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);

const rawOf = (guest: { readonly socket: unknown }): { write(bytes: Buffer): void } =>
  (guest.socket as { readonly _socket: { write(bytes: Buffer): void } })._socket;

test('CVE-2026-48779 (ws): fragments are counted, not only their bytes', async () => {
  await using fortress = await Fortress.open();
  for (const text of ['', ' ']) {
    const member = await fortress.member(`f${text.length}`);
    const raw = rawOf(member);
    raw.write(frame(1, '[', false));
    for (let i = 0; i < 100; i += 1) raw.write(frame(0, text, false));
    await until(() => member.closeCode !== undefined, 'the end of the connection');
  }
  assert.equal(fortress.counter('framingErrors'), 2);
  await fortress.assertHonestServed();
});

test('CVE-2023-48022 (Ray): being on the same host or network is no permission', async () => {
  await using fortress = await Fortress.open();
  for (const role of ['collaborator', 'operator', 'observer', 'leader'] as const) {
    const guest = await fortress.guest(`local-${role}`);
    assert.equal(await guest.present({ role }), 'NOT_ALLOWED', role);
    assert.equal(
      guest.messages.some(({ type }) => type === 'welcome'),
      false,
    );
  }
  // Nor does a request get through without a greeting.
  for (const kind of ['request', 'event', 'control']) {
    const guest = await fortress.guest('local');
    guest.say({ kind, type: kind === 'control' ? 'register' : 'netmgr.status' });
    assert.equal(await guest.verdict(), 'INVALID_MESSAGE');
  }
  const plain = createLeader({ listen: { port: 0, host: '0.0.0.0' }, plaintext: true });
  await assert.rejects(plain, { code: 'INVALID_OPTION' });
});

test('CVE-2024-28179 (Jupyter proxy): a WebSocket upgrade is looked at as every request is', async () => {
  await using fortress = await Fortress.open();
  const refused = fortress.counter('httpRefused');
  const lines = [
    ['GET / HTTP/1.1', 'origin: https://evil.example'],
    ['GET / HTTP/1.1', 'Origin: null'],
    ['GET / HTTP/1.1', 'oRiGiN:'],
    ['GET /?token=x HTTP/1.1', 'x: y'],
    ['GET //x HTTP/1.1', 'x: y'],
    ['GET http://evil.example/ HTTP/1.1', 'x: y'],
    ['GET /%2e HTTP/1.1', 'x: y'],
    ['GET / HTTP/1.1', 'sec-websocket-protocol: other'],
  ] as const;
  for (const [request, header] of lines) {
    const socket = await fortress.tls();
    socket.write(
      `${request}\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n` +
        `sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${header}\r\n\r\n`,
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(String(answer), /^HTTP\/1\.1 4(03|04|26) /, `${request} ${header}`);
    if (!socket.closed) await once(socket, 'close');
  }
  assert.equal(fortress.counter('httpRefused') - refused, lines.length);
});

test('CVE-2022-3867 (Nomad): an evicted key loses what runs, within a second, and gets nothing any more', async () => {
  let begun = 0;
  let aborted = 0;
  const hang = handle('hang', { concurrency: 9 }, (_payload, { signal }) => {
    begun += 1;
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        aborted += 1;
        reject(signal.reason);
      });
    });
  });
  await using fortress = await Fortress.open({ handlers: [hang] });
  for (const role of ['collaborator', 'operator', 'observer'] as const) {
    const key = DeviceKey.generate();
    const name = `bad-${role}`;
    const member = await fortress.member(name, { role, key, maySubmit: role === 'collaborator' });
    const names = role === 'collaborator' ? [name] : [name, `${name}.second`];
    const others = await Promise.all(
      names.slice(1).map(async (self) => {
        const guest = await fortress.guest(self);
        assert.equal(await guest.present({ key, role }), 'welcome');
        return guest;
      }),
    );
    const sessions = [member, ...others];
    const expected = begun + (role === 'observer' ? 0 : sessions.length);
    if (role !== 'observer') for (const each of sessions) each.say({ kind: 'request', type: 'hang', to: 'leader' });
    await until(() => begun === expected, 'the work to run');
    const askedAt = performance.now();
    assert.equal(await fortress.leader.evict(name), true);
    await until(() => sessions.every(({ closeCode }) => closeCode !== undefined), 'its connections to end');
    assert.ok(performance.now() - askedAt < 3 * 1_000);
    for (const session of sessions) assert.equal(session.closeCode, 4410);
    for (const self of names) {
      const again = await fortress.guest(self);
      assert.equal(await again.present({ key, role }), 'EVICTED');
    }
  }
  await until(() => aborted === 3, 'what ran for them to be given up');
  await fortress.assertHonestServed();
});

test('CVE-2020-11651 (Salt): no method is reached by its name', async () => {
  await using fortress = await Fortress.open();
  const member = await fortress.member('curious', { maySubmit: true });
  const names = ['constructor', 'toString', '__proto__', 'evict', 'stop', 'handle', 'hasOwnProperty', 'status', 'then'];
  for (const type of names) {
    const asked = member.say({ kind: 'request', type, to: 'leader' });
    await until(() => member.messages.some(({ re }) => re === asked) || member.closeCode !== undefined, type);
    const answer = member.messages.find(({ re }) => re === asked);
    assert.equal(answer?.kind, 'error', `${type}: ${JSON.stringify(answer)}`);
  }
  // What is the leader's alone is refused for good, and the connection ends.
  for (const [index, type] of [
    'netmgr.evict',
    'netmgr.invite.create',
    'netmgr.constructor',
    'netmgr.__proto__',
  ].entries()) {
    const asking = await fortress.member(`asking-${index}`, { maySubmit: true });
    asking.say({ kind: 'request', type, payload: { node: 'honest' } });
    await until(() => asking.closeCode !== undefined, `the end of ${type}`);
    assert.equal(asking.closeCode, 4403, type);
  }
  await fortress.assertHonestServed();
});

test('CVE-2022-21676 (engine.io): no protocol error ends the process', async () => {
  await using fortress = await Fortress.open();
  const bad = [
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x83, 0x80, 0, 0, 0, 0]),
    Buffer.from([0x88, 0x81, 0, 0, 0, 0, 1]),
    Buffer.from([0x89, 0xff, 0, 0, 0, 0, 0, 0, 0, 1]),
    Buffer.from([0x81, 0x05, 1, 2, 3, 4, 5]),
    Buffer.from([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
    Buffer.from([0xc1, 0x81, 0, 0, 0, 0, 1]),
    Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc0, 0xaf]),
  ];
  for (const bytes of bad) {
    const stranger = await fortress.guest('stranger');
    rawOf(stranger).write(bytes);
    await until(() => stranger.closeCode !== undefined, 'the stranger’s end');
  }
  for (const [index, bytes] of bad.entries()) {
    const member = await fortress.member(`m${index}`);
    rawOf(member).write(bytes);
    await until(() => member.closeCode !== undefined, 'the member’s end');
  }
  // At TLS itself: garbage in the place of a record, in and after the handshake.
  const socket = await fortress.tls();
  const tcp = (socket as unknown as { readonly _parent?: { write(bytes: Buffer): void } })._parent;
  tcp?.write(Buffer.alloc(100, 0x17));
  await until(() => socket.closed, 'the end of what is no TLS');
  await fortress.assertHonestServed();
});

test('a peer that does not answer a close is cut off, not waited for', async () => {
  await using fortress = await Fortress.open({ limits: { closeTimeoutMs: 100 } });
  const mute = await fortress.member('mute');
  const raw = (
    mute.socket as unknown as {
      readonly _socket: { pause(): void; on(type: 'close', f: () => void): void; destroyed: boolean; resume(): void };
    }
  )._socket;
  let gone = false;
  raw.on('close', () => {
    gone = true;
  });
  (mute.socket as unknown as { close(): void }).close = () => {};
  raw.pause();
  const askedAt = performance.now();
  await fortress.leader.evict('mute');
  await until(() => fortress.status('mute') !== 'alive', 'it to be out');
  raw.resume();
  await until(() => gone, 'the socket to be closed');
  assert.ok(performance.now() - askedAt < 3_000, 'ws itself would wait for 30 s');
});

test('whoever is refused again and again fills no log', manyAddresses, async () => {
  const log = new RecordingLog();
  await using fortress = await Fortress.open({ log });
  const token = await fortress.token({ uses: 1 });
  const used = await fortress.guest('first');
  assert.equal(await used.present({ token }), 'welcome');
  const before = log.lines.length;
  for (let i = 0; i < 120; i += 1) {
    const guest = await fortress.guest(`late-${i}`, attackersAddress(0));
    assert.equal(await guest.present({ token }), 'NOT_ALLOWED');
    guest.end();
  }
  const lines = log.lines.slice(before).filter(({ level }) => level !== 'debug');
  assert.ok(lines.length <= 25, `${lines.length} lines: ${JSON.stringify(lines.slice(0, 3))}`);
  assert.equal(fortress.counter('refusedTokenUsed'), 120);
});

test('each within its own bound, but too much in all: who does not read is out early, who reads stays', async () => {
  const limits = { windowBytes: 16_384, maxAllQueuedBytes: 65_536, pressedStallMs: 600, stallMs: 60_000 };
  await using fortress = await Fortress.open({ limits });
  const mutes = await Promise.all(['mute-1', 'mute-2'].map((self) => fortress.member(self, { maySubmit: true })));
  const idle = await fortress.member('idle');
  for (const mute of mutes) {
    for (let i = 0; i < 20; i += 1)
      mute.say({ kind: 'request', type: 'ping', to: 'leader', payload: 'x'.repeat(8_192) });
  }
  // None of them ever acknowledges what it is answered.
  await until(() => mutes.every(({ closeCode }) => closeCode !== undefined), 'those who do not read to be out');
  assert.equal(fortress.counter('slowPeers'), 2);
  assert.equal(idle.closeCode, undefined);
  await fortress.assertHonestServed();
});
