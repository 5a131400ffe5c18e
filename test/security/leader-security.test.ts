import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { parseToken } from '../../src/security/invites/join-token.js';
import { LeaderSecurity } from '../../src/security/leader-security.js';
import { assertNothingLeft } from '../leaks.js';
import { dial } from './fake-device.js';
import { RecordingLog } from './recording-log.js';

const clock = new VirtualClock();
assertNothingLeft(clock);

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function newDirectory(): string {
  const directory = path.join(mkdtempSync(path.join(tmpdir(), 'netmgr-security-')), 'leader');
  directories.push(path.dirname(directory));
  return directory;
}

const open = (directory?: string, log = new RecordingLog()): Promise<LeaderSecurity> =>
  LeaderSecurity.open({ directory, cluster: 'c', leader: 'leader', clock, random: seededRandom(1), log });

/** Three devices, the last of them evicted; a token that is used up, and one that is not. */
async function populated(directory: string) {
  await using security = await open(directory);
  const keys = [DeviceKey.generate(), DeviceKey.generate(), DeviceKey.generate()] as const;
  const spent = await security.invites.create({ role: 'collaborator', uses: 3 });
  const live = await security.invites.create({ role: 'collaborator', uses: 100, maySubmit: true });
  for (const [i, key] of keys.entries()) await dial(security.authenticator, { key, node: `w${i}`, token: spent.token });
  await security.devices.evict('w2');
  return { keys, spent, live, devices: security.devices.list(), invites: security.invites.list() };
}

const text = (directory: string, file: string): string => readFileSync(path.join(directory, file), 'utf8');

test('what was enrolled, evicted, used and made is there after a restart; a second one changes no file', async () => {
  const directory = newDirectory();
  const before = await populated(directory);
  const fingerprints: string[] = [];
  let files: Record<string, string> = {};
  for (let start = 0; start < 3; start += 1) {
    await using security = await open(directory);
    assert.deepEqual(security.devices.list(), before.devices);
    assert.deepEqual(security.invites.list(), before.invites);
    await dial(security.authenticator, { key: before.keys[0], node: 'w0' });
    await assert.rejects(dial(security.authenticator, { key: before.keys[2], node: 'w2' }), { code: 'EVICTED' });
    await assert.rejects(dial(security.authenticator, { token: before.spent.token, node: 'w9' }), /used up/);
    fingerprints.push(security.fingerprint);
    const now = Object.fromEntries(readdirSync(directory).map((file) => [file, text(directory, file)]));
    if (start > 0) assert.deepEqual(now, files);
    files = now;
  }
  assert.equal(new Set(fingerprints).size, 1);
  assert.deepEqual(Object.keys(files).sort(), ['ca.pem', 'devices.journal', 'invites.journal', 'leaf.pem']);
  for (const file of Object.keys(files)) assert.equal(statSync(path.join(directory, file)).mode & 0o777, 0o600, file);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
});

test('a fingerprint is that of the tokens, and the certificates are told of', async () => {
  await using security = await open();
  const { token } = await security.invites.create({ role: 'observer' });
  assert.equal(security.fingerprint, token.split('-')[3]);
  const { fingerprint, notAfter, leaf } = security.authority();
  assert.equal(fingerprint, security.fingerprint);
  const days = (ms: number) => Math.round((ms - clock.wallNow()) / 86_400_000);
  assert.deepEqual([days(notAfter), days(leaf.notAfter)], [3_650, 90]);
  assert.ok(leaf.renewAt > clock.wallNow() && leaf.renewAt < leaf.notAfter);
  assert.match(security.tls.current().chain, /^-----BEGIN CERTIFICATE-----/);
});

test('without a directory everything works, and nothing is kept', async () => {
  await using security = await open();
  const { token } = await security.invites.create({ role: 'collaborator' });
  const key = DeviceKey.generate();
  await dial(security.authenticator, { key, token });
  await dial(security.authenticator, { key });
  assert.deepEqual([security.counters['enrolments'], security.counters['sessions']], [1, 1]);
});

test('a crash between storing a device and answering it: the same key gets in again, no other does', async () => {
  const directory = newDirectory();
  const key = DeviceKey.generate();
  let token = '';
  {
    await using security = await open(directory);
    ({ token } = await security.invites.create({ role: 'collaborator' }));
    await dial(security.authenticator, { key, token });
  }
  await using security = await open(directory);
  await assert.rejects(dial(security.authenticator, { token, node: 'w2' }), { code: 'NOT_ALLOWED' });
  await assert.rejects(dial(security.authenticator, { token, node: 'w1' }), { code: 'NAME_IN_USE' });
  await dial(security.authenticator, { key, token });
  assert.equal(security.invites.list()[0]?.used, 1);
});

test('a journal cut anywhere in its last line: what was acknowledged before is there', async () => {
  const directory = newDirectory();
  const { devices } = await populated(directory);
  const journal = path.join(directory, 'devices.journal');
  const whole = readFileSync(journal);
  const last = whole.lastIndexOf('\n', whole.length - 2) + 1;
  for (let length = last; length < whole.length; length += 7) {
    writeFileSync(journal, whole.subarray(0, length));
    const log = new RecordingLog();
    await using security = await open(directory, log);
    assert.equal(security.devices.list().length, 3);
    // The last line says that w2 was evicted: whoever asked for that was not answered.
    assert.equal(security.devices.byName('w2')?.state, 'active');
    assert.deepEqual(security.devices.byName('w0'), devices[0]);
    assert.equal(security.counters['journalTorn'], length > last ? 1 : 0);
    assert.equal(
      log.lines.some(({ level }) => level === 'warn'),
      length > last,
    );
  }
});

test('a journal that is damaged elsewhere, or says what we do not know, is not passed over', async () => {
  const directory = newDirectory();
  await populated(directory);
  const damages: readonly (readonly [string, (lines: string[]) => string[]])[] = [
    ['line 2', ([first = '', ...rest]) => [first, '{"t":"enr', ...rest]],
    ['line 2', ([first = '', ...rest]) => [first, '\0\0\0', ...rest]],
    ['line 2', ([first = '', ...rest]) => [first, '[]', ...rest]],
    ['line 2', ([first = '', ...rest]) => [first, '{"t":"promote","name":"w1","at":1}', ...rest]],
    ['line 1', ([first = '', ...rest]) => [first.replace(/"(name|role)":"/, '"$1":"\u202e'), ...rest]],
  ];
  for (const file of ['devices.journal', 'invites.journal']) {
    const whole = text(directory, file);
    for (const [where, damage] of damages) {
      writeFileSync(path.join(directory, file), damage(whole.split('\n')).join('\n'));
      const before = text(directory, file);
      await assert.rejects(open(directory), (error: { code?: string; message: string; hint?: string }) => {
        assert.equal(error.code, 'INVALID_OPTION');
        assert.ok(error.message.includes(file) && error.message.includes(where), error.message);
        assert.ok(error.hint);
        return true;
      });
      assert.equal(text(directory, file), before, 'and it is left as it was');
    }
    writeFileSync(path.join(directory, file), whole);
  }
  await using security = await open(directory);
  assert.equal(security.devices.list().length, 3);
});

test('files that others can read are refused with what to run', async () => {
  const directory = newDirectory();
  await populated(directory);
  for (const file of ['devices.journal', 'invites.journal', 'ca.pem']) {
    chmodSync(path.join(directory, file), 0o640);
    await assert.rejects(open(directory), (error: { code?: string; message: string; hint?: string }) => {
      assert.equal(error.code, 'INVALID_OPTION');
      assert.match(`${error.message} ${error.hint}`, new RegExp(`chmod 600 .*${file}`));
      return true;
    });
    chmodSync(path.join(directory, file), 0o600);
  }
});

test('devices without their authority are no first start', async () => {
  const directory = newDirectory();
  await populated(directory);
  rmSync(path.join(directory, 'ca.pem'));
  rmSync(path.join(directory, 'leaf.pem'));
  await assert.rejects(open(directory), { code: 'INVALID_OPTION', message: /ca\.pem/ });
});

test('journals are shortened at the start, and forget no use of a token that is out', async () => {
  const directory = newDirectory();
  let token = '';
  {
    await using security = await open(directory);
    ({ token } = await security.invites.create({ role: 'collaborator', uses: 20 }));
    for (let i = 0; i < 10; i += 1) {
      await dial(security.authenticator, { token, node: 'w1' });
      await security.devices.evict('w1');
      await security.devices.forget('w1');
    }
  }
  const before = text(directory, 'devices.journal').split('\n').length;
  await using security = await open(directory);
  assert.equal(security.invites.list()[0]?.used, 10);
  assert.deepEqual([before, text(directory, 'devices.journal').split('\n').length], [31, 2]);
  await dial(security.authenticator, { token, node: 'w1' });
  assert.equal(security.invites.list()[0]?.used, 11);
});

test('another authority: tokens are revoked, devices stay and are told of the new one', async () => {
  const directory = newDirectory();
  const { keys, live } = await populated(directory);
  const old = { invites: text(directory, 'invites.journal') };
  let roots: unknown;
  {
    await using security = await open(directory);
    const before = security.fingerprint;
    const { fingerprint, revokedInvites } = await security.rotateAuthority();
    assert.notEqual(fingerprint, before);
    assert.deepEqual([fingerprint, revokedInvites], [security.fingerprint, 1]);
    await assert.rejects(dial(security.authenticator, { token: live.token, node: 'w8' }), /was revoked/);
    const identity = await dial(security.authenticator, { key: keys[0], node: 'w0' });
    roots = identity.welcome?.['roots'];
    assert.equal((roots as string[]).length, 2);
    const fresh = await security.invites.create({ role: 'collaborator' });
    assert.equal(parseToken(fresh.token).fingerprint.length, 32);
    assert.equal(fresh.token.split('-')[3], fingerprint);
    await dial(security.authenticator, { token: fresh.token, node: 'w8' });
  }
  // A crash came before it was stored that they are revoked.
  writeFileSync(path.join(directory, 'invites.journal'), old.invites);
  await using security = await open(directory);
  assert.notEqual(security.invites.list().find(({ id }) => id === live.id)?.revokedAt, undefined);
  assert.deepEqual((await dial(security.authenticator, { key: keys[0], node: 'w0' })).welcome?.['roots'], roots);
});

test('no secret of a token is in any file', async () => {
  const directory = newDirectory();
  const { spent, live } = await populated(directory);
  const all = readdirSync(directory)
    .map((file) => text(directory, file))
    .join('');
  for (const { token } of [spent, live]) {
    const { secret } = parseToken(token);
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      assert.ok(!all.includes(Buffer.from(secret).toString(encoding)));
    }
    assert.ok(!all.includes(token.split('-')[5] as string));
  }
});

test('stop waits for what is under way, may be called twice, and leaves no timer', async () => {
  const directory = newDirectory();
  const security = await open(directory);
  const { token } = await security.invites.create({ role: 'collaborator' });
  const joining = dial(security.authenticator, { token });
  await clock.advance(0);
  await Promise.all([security.stop(), security.stop()]);
  await security.stop();
  await joining.catch(() => {});
  assert.equal(clock.pending, 0);
  await assert.rejects(security.invites.create({ role: 'collaborator' }), { code: 'STOPPED' });
  await using restarted = await open(directory);
  assert.equal(restarted.invites.list().length, 1);
});

test('1,000 devices enrol at once, and all are there after a restart', async () => {
  const directory = newDirectory();
  const names = Array.from({ length: 1_000 }, (_, i) => `w${i}`);
  {
    await using security = await open(directory);
    const { token } = await security.invites.create({ role: 'collaborator', uses: 1_000 });
    await Promise.all(names.map((node) => dial(security.authenticator, { token, node })));
    await assert.rejects(dial(security.authenticator, { token, node: 'late' }), /used up/);
    assert.equal(security.counters['enrolments'], 1_000);
  }
  await using security = await open(directory);
  assert.deepEqual(
    security.devices.list().map(({ name }) => name),
    names,
  );
});

test('a disk that is full: IO, to be tried again, and what was acknowledged is kept', async () => {
  const directory = newDirectory();
  const script = path.join(import.meta.dirname, 'enrol-until-full.js');
  // 16 blocks of 512 bytes: room for some thirty devices.
  const bounded = ['-c', 'ulimit -f 16 && exec "$0" "$@"', process.execPath, script, directory];
  const { stdout } = await promisify(execFile)('sh', bounded);
  const { acknowledged, errors, listed, used, counters } = JSON.parse(stdout);
  assert.ok(acknowledged.length > 10, stdout);
  assert.deepEqual([listed, used], [acknowledged, acknowledged.length]);
  for (const { code, retryable, message } of errors) {
    assert.deepEqual([code, retryable], ['IO', true]);
    assert.match(message, /could not store the device.*disk/);
  }
  assert.deepEqual([counters.refusedStorage, counters.journalFailed], [2, 2]);
  await using security = await open(directory);
  assert.deepEqual(
    security.devices.list().map(({ name }) => name),
    acknowledged,
  );
  assert.equal(security.invites.list()[0]?.used, acknowledged.length);
});

test('garbage behind the last line that is no line is dropped', async () => {
  const directory = newDirectory();
  await populated(directory);
  appendFileSync(path.join(directory, 'invites.journal'), Buffer.alloc(4_096));
  await using security = await open(directory);
  assert.equal(security.counters['journalTorn'], 1);
  assert.equal(security.invites.list().length, 2);
});
