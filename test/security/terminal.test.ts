import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { NetworkMessage } from '../../src/message/message.js';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { assertNothingLeft } from '../leaks.js';
import { helloPayload, until } from '../network/websocket-nodes.js';
import { assertTame, type LeaderProcess, Sandbox } from '../process/harness.js';
import { Guest, manyAddresses } from './fortress.js';

/** What terminals, logs and eyes have been deceived by. */
const HOSTILE: readonly string[] = [
  '\x1b[2J\x1b[H',
  '\x1b]0;owned\x07',
  '\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\',
  '\x1b]52;c;cm0gLXJmIH4=\x07',
  '\x1bP$q"p\x1b\\',
  '\x1b[6n',
  '\x9b31m',
  '\x9d0;owned\x9c',
  '\r\nroot@leader:~# rm -rf /',
  '\b\b\b\b\b\b\b\bgood',
  '\x7f\x00\x0c\x0b',
  '\u202egnp.exe',
  '\u2066ab\u2069\u200f',
  'a\u200bb\u200d\ufeff',
  'line\u2028line\u2029end',
  '\ue000\uf8ff',
  '\u{e0041}\u{e0042}tags',
  '{"level":30,"msg":"joined"}\n{"level":50}',
  'nmtk\u0085\u0084%n%s$(id)`id`',
];

const sandbox = new Sandbox();
let leader: LeaderProcess;
const guests: Guest[] = [];
before(async () => {
  leader = await sandbox.lead(['--log-level', 'debug']);
});
after(async () => {
  for (const guest of guests) guest.end();
  await sandbox[Symbol.asyncDispose]();
});
assertNothingLeft();

/** A member whose every word is hostile; asked for anything, it fails with the same words. */
async function hostileMember(port: number, token: string, index: number): Promise<void> {
  const words = HOSTILE[index] as string;
  const guest = await Guest.dial(port, `evil-${index}`, `127.0.1.${1 + index}`);
  guests.push(guest);
  guest.say({
    kind: 'control',
    type: 'hello',
    payload: helloPayload({ version: words, instance: words, greeting: { pid: 1, host: words } }),
  });
  await until(() => guest.messages.some(({ type }) => type === 'challenge'), 'the challenge');
  const nonce = guest.messages.find(({ type }) => type === 'challenge')?.payload['nonce'];
  guest.answer(Buffer.from(String(nonce), 'base64url'), { token, key: DeviceKey.generate() });
  assert.equal(await guest.verdict(), 'welcome');
  const tags = { words, plain: 'x' };
  const payload = { sequence: 1, handlers: ['boom', words], tags, slots: 1, draining: false };
  guest.say({ kind: 'control', type: 'register', payload });
  guest.say({ kind: 'control', type: 'register', payload: { ...payload, sequence: 2, handlers: ['boom'] } });
  guest.say({ kind: 'control', type: 'register', payload: { ...payload, sequence: 3, handlers: ['boom'], tags: {} } });
  guest.say({ kind: 'event', type: words, payload: words });
  guest.socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as NetworkMessage;
    if (message.kind !== 'request') return;
    const error = { code: index % 2 === 0 ? 'HANDLER_ERROR' : words, message: words, hint: words, retryable: false };
    guest.say({ kind: 'error', type: message.type, re: message.id, to: message.from, payload: error });
  });
}

test(
  `${HOSTILE.length} hostile names, versions, tags and errors reach no terminal, table or log raw`,
  manyAddresses,
  async () => {
    const { stdout } = await sandbox.run(['invite', 'create', '--uses', '50', '--can-submit']);
    const token = stdout.trim();
    const port = Number(new URL(leader.ready.address).port);
    await Promise.all(HOSTILE.map((_, index) => hostileMember(port, token, index)));
    // Names themselves: none of these is a name.
    for (const [index, name] of HOSTILE.entries()) {
      const guest = await Guest.dial(port, name, `127.0.0.${10 + index}`);
      guests.push(guest);
      assert.notEqual(await guest.present({ token }), 'welcome');
    }
    const lines = ['status', 'nodes ls', 'nodes show evil-3', 'status evil-11', 'call boom --all'];
    const runs = await Promise.all(
      lines.flatMap((line) => [line.split(' '), [...line.split(' '), '--json']]).map((words) => sandbox.run(words)),
    );
    const shown = runs.map(({ stdout: out, stderr }) => out + stderr);
    for (const text of shown) assertTame(text);
    assert.ok(
      shown.some((text) => text.includes('\\x1b[2J') || text.includes('\\u001b[2J')),
      'it was shown, visibly',
    );
    assert.match(shown[0] ?? '', /evil-18/);
    assertTame(leader.program.stderr);
    assertTame(leader.program.stdout);
    // Each line of the log is one entry, whatever was said.
    for (const line of leader.program.stderr.split('\n').filter((text) => text.startsWith('{'))) JSON.parse(line);
  },
);
