import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { type ErrorCode, isNetworkError, NetworkError } from '../../src/base/errors.js';
import type { Role } from '../../src/base/names.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { Audit } from '../../src/security/audit/audit.js';
import { DeviceAuthenticator } from '../../src/security/devices/device-authenticator.js';
import { DeviceBook } from '../../src/security/devices/device-book.js';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { Devices } from '../../src/security/devices/devices.js';
import { GuessLimit } from '../../src/security/devices/guess-limit.js';
import { InviteBook } from '../../src/security/invites/invite-book.js';
import { Invites } from '../../src/security/invites/invites.js';
import { formatToken, parseToken } from '../../src/security/invites/join-token.js';
import { answerOf, BINDING, base64url, type Dial, dial } from './fake-device.js';
import { FakeDisk } from './fake-disk.js';
import { RecordingLog } from './recording-log.js';

const FINGERPRINT = new Uint8Array(32).fill(7);
const MINUTE = 60_000;

function open() {
  const clock = new VirtualClock();
  const log = new RecordingLog();
  const disk = new FakeDisk();
  const guesses = new GuessLimit();
  const audit = new Audit({ clock, log });
  const devices = new Devices({ book: new DeviceBook(), ledger: disk, clock });
  const invites = new Invites({
    book: new InviteBook({ now: clock.now(), wall: clock.wallNow() }),
    ledger: new FakeDisk(),
    clock,
    fingerprint: () => FINGERPRINT,
    uses: (id) => devices.uses(id),
  });
  const parts = { invites, devices, guesses, audit, clock, roots: () => ['PEM'] };
  const authenticator = new DeviceAuthenticator({ cluster: 'default', leader: 'leader', ...parts });
  return { ...parts, log, disk, authenticator, dial: (options?: Dial) => dial(authenticator, options) };
}

type Opened = ReturnType<typeof open>;

/** Refused with this code, counted under this reason and told of once more. */
async function refuses(
  leader: Opened,
  options: Dial,
  [code, reason]: readonly [ErrorCode, string],
): Promise<NetworkError> {
  const before = { ...leader.audit.counters };
  const error = await leader.dial(options).then(
    () => assert.fail(`let in, but should be refused: ${reason}`),
    (thrown: unknown) => thrown,
  );
  if (!isNetworkError(error)) throw error;
  const shown = `${error.code} ${error.message}`;
  assert.equal(error.code, code, shown);
  for (const [name, count] of Object.entries(leader.audit.counters)) {
    const more = name === reason || name === 'refused' ? 1 : 0;
    if (name !== 'auditWithheld') assert.equal(count, (before[name] ?? 0) + more, `${name} after ${shown}`);
  }
  return error;
}

async function enrolled(leader: Opened, options: Dial & { role?: 'collaborator' | 'operator' | 'observer' } = {}) {
  const key = options.key ?? DeviceKey.generate();
  const { token } = await leader.invites.create({ role: options.role ?? 'collaborator' });
  await leader.dial({ ...options, key, token });
  return { key, token };
}

/** The same id and role, another secret, a right checksum. */
const guessOf = (token: string): string => formatToken({ ...parseToken(token), secret: randomBytes(20) });

describe('enrolment', () => {
  test('a token makes a device of a key, and from then on the key is enough', async () => {
    const leader = open();
    const { key, token } = await enrolled(leader);
    const identity = await leader.dial({ key });
    assert.deepEqual(identity, { node: 'w1', role: 'collaborator', maySubmit: false, welcome: { roots: ['PEM'] } });
    assert.deepEqual(leader.authenticator.counters, { enrolments: 1, sessions: 1 });
    const [device] = leader.devices.list();
    assert.equal(device?.id, key.id);
    assert.equal(device?.invite, parseToken(token).id);
    assert.equal(leader.invites.list()[0]?.used, 1);
  });

  test('maySubmit goes from the invitation to the device; an operator always may, an observer never', async () => {
    const leader = open();
    const { token } = await leader.invites.create({ role: 'collaborator', maySubmit: true });
    const key = DeviceKey.generate();
    assert.equal((await leader.dial({ token, key })).maySubmit, true);
    assert.equal((await leader.dial({ key })).maySubmit, true);
    for (const [role, maySubmit] of [
      ['operator', true],
      ['observer', false],
    ] as const) {
      const made = await leader.invites.create({ role });
      assert.equal((await leader.dial({ token: made.token, role, node: role })).maySubmit, maySubmit, role);
    }
  });

  test('of two keys with one token for one device exactly one gets in, at once or one after the other', async () => {
    const leader = open();
    const { token } = await leader.invites.create({ role: 'collaborator' });
    leader.disk.hold();
    const both = [leader.dial({ token, node: 'w1' }), leader.dial({ token, node: 'w2' })];
    await leader.clock.advance(0);
    assert.equal(leader.devices.list().length, 0, 'none before it is stored');
    leader.disk.release();
    const outcomes = await Promise.allSettled(both);
    assert.deepEqual(
      outcomes.map((each) => each.status),
      ['fulfilled', 'rejected'],
    );
    assert.equal(leader.devices.list().length, 1);
    await refuses(leader, { token, node: 'w3' }, ['NOT_ALLOWED', 'refusedTokenUsed']);
  });

  test('if the first of two could not be stored, the second gets the use', async () => {
    const leader = open();
    const { token } = await leader.invites.create({ role: 'collaborator' });
    leader.disk.hold();
    leader.disk.fails = 1;
    const first = leader.dial({ token, node: 'w1' });
    const second = leader.dial({ token, node: 'w2' });
    leader.disk.release();
    await assert.rejects(first, { code: 'IO' });
    await second;
    assert.deepEqual(
      leader.devices.list().map((device) => device.name),
      ['w2'],
    );
    assert.equal(leader.invites.list()[0]?.used, 1);
  });

  test('200 keys at once with a token for 50: exactly 50 get in, whatever fails first', async () => {
    const leader = open();
    const { token } = await leader.invites.create({ role: 'collaborator', uses: 50 });
    leader.disk.hold();
    leader.disk.fails = 50;
    const all = Array.from({ length: 200 }, (_, i) => leader.dial({ token, node: `w${i}`, address: `10.0.0.${i}:1` }));
    leader.disk.release();
    const outcomes = await Promise.allSettled(all);
    const isIn = (each: PromiseSettledResult<unknown>) => each.status === 'fulfilled';
    assert.equal(outcomes.filter(isIn).length, 50);
    assert.equal(leader.devices.list().length, 50);
    assert.equal(leader.invites.list()[0]?.used, 50);
    const { refusedStorage, refusedTokenUsed } = leader.audit.counters;
    assert.deepEqual([refusedStorage, refusedTokenUsed], [50, 100]);
  });

  test('no enrolment waits for the disk of another: 1,000 go to it together', async () => {
    const leader = open();
    const { token } = await leader.invites.create({ role: 'collaborator', uses: 1_000 });
    leader.disk.hold();
    const all = Array.from({ length: 1_000 }, (_, i) => leader.dial({ token, node: `w${i}` }));
    await leader.clock.advance(0);
    assert.equal(leader.disk.waiting, 1_000);
    leader.disk.release();
    await Promise.all(all);
    assert.equal(leader.devices.list().length, 1_000);
  });

  test('the same key may enrol again, at once or later, and uses nothing up', async () => {
    const leader = open();
    const key = DeviceKey.generate();
    const { token } = await leader.invites.create({ role: 'collaborator' });
    leader.disk.hold();
    const both = Promise.all([leader.dial({ key, token }), leader.dial({ key, token })]);
    leader.disk.release();
    await both;
    await leader.dial({ key, token });
    await leader.invites.revoke(parseToken(token).id);
    await leader.dial({ key, token });
    assert.equal(leader.invites.list()[0]?.used, 1);
    assert.equal(leader.devices.list().length, 1);
    assert.deepEqual(leader.authenticator.counters, { enrolments: 1, sessions: 3 });
  });

  test('a disk that is full: IO, to be tried again; nothing is used up, and the log says what the peer is not told', async () => {
    const leader = open();
    const key = DeviceKey.generate();
    const { token } = await leader.invites.create({ role: 'collaborator' });
    leader.disk.fails = 1;
    const error = await refuses(leader, { key, token }, ['IO', 'refusedStorage']);
    assert.equal(error.retryable, true);
    assert.doesNotMatch(error.message, /var/);
    assert.match(leader.log.text, /var.lib.netmgr.*disk is full/);
    await leader.dial({ key, token });
  });

  test('the token says for which role it is, and no other is granted', async () => {
    const leader = open();
    const collaborator = await leader.invites.create({ role: 'collaborator' });
    const operator = await leader.invites.create({ role: 'operator' });
    await refuses(leader, { token: collaborator.token, role: 'operator' }, ['NOT_ALLOWED', 'refusedWrongRole']);
    await refuses(leader, { token: operator.token, role: 'collaborator' }, ['NOT_ALLOWED', 'refusedWrongRole']);
    await refuses(leader, { token: operator.token, role: 'leader' as Role }, ['NOT_ALLOWED', 'refusedWrongRole']);
    // A token whose letter was changed, its checksum too, is another token.
    const forged = formatToken({ ...parseToken(collaborator.token), role: 'operator' });
    await refuses(leader, { token: forged, role: 'operator' }, ['NOT_ALLOWED', 'refusedWrongToken']);
    assert.deepEqual(
      leader.invites.list().map((each) => each.used),
      [0, 0],
    );
  });

  test('revoked, expired, unknown and guessed tokens are refused, each for its own reason', async () => {
    const leader = open();
    const revoked = await leader.invites.create({ role: 'collaborator' });
    await leader.invites.revoke(revoked.id);
    await refuses(leader, { token: revoked.token }, ['NOT_ALLOWED', 'refusedTokenRevoked']);
    const short = await leader.invites.create({ role: 'collaborator', ttlMs: 60_000 });
    await leader.clock.advance(60_000);
    await refuses(leader, { token: short.token }, ['NOT_ALLOWED', 'refusedTokenExpired']);
    const live = await leader.invites.create({ role: 'collaborator' });
    const wrong = await refuses(leader, { token: guessOf(live.token) }, ['NOT_ALLOWED', 'refusedWrongToken']);
    const id = 'aaaaaaaa';
    const none = formatToken({ ...parseToken(live.token), id });
    const unknown = await refuses(leader, { token: none }, ['NOT_ALLOWED', 'refusedUnknownToken']);
    assert.equal(wrong.message.replace(live.id, id), unknown.message, 'what is told does not say that the id exists');
    // Whoever does not have the secret learns nothing of what became of the token.
    const probe = await refuses(leader, { token: guessOf(revoked.token) }, ['NOT_ALLOWED', 'refusedWrongToken']);
    assert.equal(probe.message.replace(revoked.id, id), unknown.message);
  });

  test('an enrolment signed for another nonce, role, name, certificate or token is refused, and uses nothing up', async () => {
    const leader = open();
    const { token } = await leader.invites.create({ role: 'collaborator' });
    const others: Dial['signs'][] = [
      { nonce: randomBytes(32) },
      { role: 'operator' },
      { node: 'w2' },
      { binding: randomBytes(32) },
      { token: 'aaaaaaaa' },
    ];
    for (const [index, signs] of others.entries()) {
      await refuses(leader, { token, signs, address: `10.0.0.${index}:1` }, ['NOT_ALLOWED', 'refusedWrongProof']);
    }
    assert.deepEqual([leader.devices.list().length, leader.invites.list()[0]?.used], [0, 0]);
    await leader.dial({ token });
  });

  test('another cluster is refused before anything is used up', async () => {
    const leader = open();
    const { token } = await leader.invites.create({ role: 'collaborator' });
    await refuses(leader, { token, cluster: 'other' }, ['CLUSTER_MISMATCH', 'refusedWrongCluster']);
    assert.equal(leader.invites.list()[0]?.used, 0);
    await leader.dial({ token, cluster: 'default' });
  });

  test('a leader with as many devices as it can keep says so', async () => {
    const leader = open();
    const devices = new Devices({ book: new DeviceBook(), ledger: leader.disk, clock: leader.clock, maxDevices: 1 });
    const authenticator = new DeviceAuthenticator({ cluster: 'default', ...leader, leader: 'leader', devices });
    const full: Opened = { ...leader, authenticator, dial: (options) => dial(authenticator, options) };
    await enrolled(full);
    const { token } = await leader.invites.create({ role: 'collaborator' });
    const error = await refuses(full, { token, node: 'w2' }, ['OVERLOADED', 'refusedFull']);
    assert.equal(error.retryable, true);
  });
});

describe('names', () => {
  test('a name of another key is taken, live, evicted, or being enrolled: 1,000 tries, none succeeds', async () => {
    const leader = open();
    await enrolled(leader, { node: 'live' });
    await enrolled(leader, { node: 'removed' });
    await leader.devices.evict('removed');
    const { token } = await leader.invites.create({ role: 'collaborator', uses: 2_000 });
    for (let i = 0; i < 500; i += 1) {
      await refuses(leader, { token, node: 'live' }, ['NAME_IN_USE', 'refusedNameInUse']);
      await refuses(leader, { token, node: 'removed' }, ['NAME_IN_USE', 'refusedNameInUse']);
    }
    await refuses(leader, { token, node: 'leader' }, ['NAME_IN_USE', 'refusedNameInUse']);
    leader.disk.hold();
    const first = leader.dial({ token, node: 'new' });
    const second = leader.dial({ token, node: 'new' });
    leader.disk.release();
    await first;
    await assert.rejects(second, { code: 'NAME_IN_USE' });
    assert.equal(leader.invites.list().at(-1)?.used, 1, 'refused names use nothing up');
  });

  test('a forgotten name is free, and the key that had it is unknown', async () => {
    const leader = open();
    const { key } = await enrolled(leader);
    assert.equal(await leader.devices.forget('w1'), true);
    await refuses(leader, { key }, ['NOT_ALLOWED', 'refusedUnknownKey']);
    await enrolled(leader, { node: 'w1' });
  });

  test('a device has its own name and no other', async () => {
    const leader = open();
    const { key } = await enrolled(leader, { node: 'w1' });
    await enrolled(leader, { node: 'w2' });
    await refuses(leader, { key, node: 'w3' }, ['NOT_ALLOWED', 'refusedWrongName']);
    await refuses(leader, { key, node: 'w1.x' }, ['NOT_ALLOWED', 'refusedWrongName']);
    await refuses(leader, { key, node: 'w2' }, ['NAME_IN_USE', 'refusedNameInUse']);
    await refuses(leader, { key, node: 'leader' }, ['NAME_IN_USE', 'refusedNameInUse']);
  });

  test('clients may add a suffix to theirs, and nobody else may take a name of that kind', async () => {
    const leader = open();
    await enrolled(leader, { node: 'ops.old' });
    for (const role of ['operator', 'observer'] as const) {
      const node = role === 'operator' ? 'ops' : 'eyes';
      const { key } = await enrolled(leader, { node, role });
      assert.equal((await leader.dial({ key, role, node: `${node}.1.2` })).node, `${node}.1.2`);
      await refuses(leader, { key, role, node: `${node}x` }, ['NOT_ALLOWED', 'refusedWrongName']);
      const { token } = await leader.invites.create({ role: 'collaborator' });
      await refuses(leader, { token, node: `${node}.3` }, ['NAME_IN_USE', 'refusedNameInUse']);
      if (role === 'operator')
        await refuses(leader, { key, role, node: 'ops.old' }, ['NAME_IN_USE', 'refusedNameInUse']);
    }
  });
});

describe('sessions', () => {
  test('a proof for another nonce, role, name or certificate, or by another key, is refused', async () => {
    const leader = open();
    const { key } = await enrolled(leader);
    const others: Dial['signs'][] = [
      { nonce: randomBytes(32) },
      { role: 'operator' },
      { node: 'w2' },
      { binding: randomBytes(32) },
      { binding: BINDING.slice(0, 31) },
      { nonce: new Uint8Array(0) },
    ];
    for (const [index, signs] of others.entries()) {
      await refuses(leader, { key, signs, address: `10.0.0.${index}:1` }, ['NOT_ALLOWED', 'refusedWrongProof']);
    }
    const answer = (nonce: Uint8Array) => {
      const other = answerOf(nonce, { node: 'w1', role: 'collaborator' }).payload as object;
      return { type: 'prove', payload: { ...other, key: base64url(key.publicKey) } };
    };
    await refuses(leader, { answer, address: '10.0.1.0:1' }, ['NOT_ALLOWED', 'refusedWrongProof']);
    await leader.dial({ key });
  });

  test('a key has the role that it enrolled with, and no token changes that', async () => {
    const leader = open();
    const collaborator = await enrolled(leader, { node: 'w1' });
    const operator = await enrolled(leader, { node: 'ops', role: 'operator' });
    const { key } = collaborator;
    for (const role of ['operator', 'observer', 'leader'] as const) {
      await refuses(leader, { key, role }, ['NOT_ALLOWED', 'refusedWrongRole']);
    }
    await refuses(leader, { key: operator.key, node: 'ops', role: 'collaborator' }, [
      'NOT_ALLOWED',
      'refusedWrongRole',
    ]);
    const { token } = await leader.invites.create({ role: 'operator' });
    await refuses(leader, { key, token, role: 'operator' }, ['NOT_ALLOWED', 'refusedWrongRole']);
    assert.equal(leader.invites.list().at(-1)?.used, 0);
  });

  test('a proof of enrolment is no proof of a session, nor the other way round', async () => {
    const leader = open();
    const { key, token } = await enrolled(leader);
    const swap = (type: string) => (nonce: Uint8Array) => {
      const given = { node: 'w1', role: 'collaborator', key } as const;
      const { payload } = answerOf(nonce, type === 'prove' ? { ...given, token } : given);
      return { type, payload: { token, ...(payload as object) } };
    };
    await refuses(leader, { answer: swap('prove') }, ['NOT_ALLOWED', 'refusedWrongProof']);
    await refuses(leader, { answer: swap('enrol') }, ['NOT_ALLOWED', 'refusedWrongProof']);
  });

  test('10,000 replays of answers that were once good have no effect', async () => {
    const leader = open();
    const { key, token } = await enrolled(leader);
    let heard: ReturnType<typeof answerOf> = {};
    const listen = (nonce: Uint8Array) => {
      heard = answerOf(nonce, { node: 'w1', role: 'collaborator', key });
      return heard;
    };
    await leader.dial({ key, answer: listen });
    const answers = [heard, answerOf(randomBytes(32), { node: 'w1', role: 'collaborator', key, token })];
    for (let i = 0; i < 10_000; i += 1) {
      const answer = () => answers[i % 2] as (typeof answers)[number];
      await assert.rejects(leader.dial({ answer, address: `10.0.${i % 200}.1:1` }));
    }
    assert.equal(leader.audit.counters['refused'], 10_000);
    assert.equal(leader.devices.list().length, 1);
    assert.equal(leader.authenticator.counters.sessions, 1);
  });

  test('an evicted key is refused in every way, told so, and only whoever has it is told', async () => {
    const leader = open();
    const { key, token } = await enrolled(leader);
    const told: string[] = [];
    leader.devices.onEvicted((device) => told.push(device.name));
    assert.equal(await leader.devices.evict('w1'), true);
    assert.deepEqual(told, ['w1']);
    await refuses(leader, { key }, ['EVICTED', 'refusedEvicted']);
    await refuses(leader, { key, token }, ['EVICTED', 'refusedEvicted']);
    const fresh = await leader.invites.create({ role: 'collaborator' });
    await refuses(leader, { key, token: fresh.token, node: 'w9' }, ['EVICTED', 'refusedEvicted']);
    await refuses(leader, { key, signs: { node: 'w2' } }, ['NOT_ALLOWED', 'refusedWrongProof']);
    assert.equal(leader.invites.list().at(-1)?.used, 0);
  });

  test('an unknown key is refused', async () => {
    await refuses(open(), { key: DeviceKey.generate() }, ['NOT_ALLOWED', 'refusedUnknownKey']);
  });

  test('a device proves itself over TLS only', async () => {
    const leader = open();
    const { key } = await enrolled(leader);
    await refuses(leader, { key, transport: 'tcp', binding: undefined }, ['NOT_ALLOWED', 'refusedNoTls']);
    await refuses(leader, { key, transport: 'unix' }, ['NOT_ALLOWED', 'refusedNoTls']);
    await refuses(leader, { key, binding: undefined }, ['NOT_ALLOWED', 'refusedNoTls']);
  });

  test('a connection that ends before its answer is nobody who was refused', async () => {
    const leader = open();
    const gone = leader.dial({
      answer: () => {
        throw new NetworkError('CLOSED', 'gone');
      },
    });
    await assert.rejects(gone, { code: 'CLOSED' });
    assert.equal(leader.audit.counters['refused'], 0);
  });
});

describe('guessing', () => {
  test('20,000 wrong tokens: none succeeds, and a good join from another address is let in at once', async () => {
    const leader = open();
    const good = await leader.invites.create({ role: 'collaborator', uses: 3 });
    const guess = guessOf(good.token);
    const key = DeviceKey.generate();
    const answer = (nonce: Uint8Array) => answerOf(nonce, { node: 'w1', role: 'collaborator', key, token: guess });
    // Signing is the guesser's work, not ours: one signature will do, for it is not looked at.
    const once = answer(randomBytes(32));
    let refusals = 0;
    for (let i = 0; i < 20_000; i += 1) {
      await leader.dial({ answer: () => once }).catch(() => {
        refusals += 1;
      });
    }
    assert.equal(refusals, 20_000);
    const { refused, refusedWrongToken, refusedLocked, auditWithheld } = leader.audit.counters;
    assert.deepEqual([refused, refusedWrongToken, refusedLocked, auditWithheld], [20_000, 5, 19_995, 19_990]);
    await leader.dial({ token: good.token, node: 'w2', address: '192.0.2.8:1' });
    const wait = await refuses(leader, { token: good.token, node: 'w3' }, ['OVERLOADED', 'refusedLocked']);
    assert.match(wait.message, /another 60 s/);
    assert.equal(wait.retryable, true);
    await leader.clock.advance(MINUTE);
    await leader.dial({ token: good.token, node: 'w3' });
    leader.audit.stop();
    assert.equal(leader.clock.pending, 0);
  });

  test('devices behind the address of a guesser come and go as before; one that fails itself does not', async () => {
    const leader = open();
    const { key } = await enrolled(leader, { node: 'w1' });
    const other = await enrolled(leader, { node: 'w2' });
    const { token } = await leader.invites.create({ role: 'collaborator' });
    for (let i = 0; i < 5; i += 1) {
      await refuses(leader, { token: guessOf(token), node: 'w3' }, ['NOT_ALLOWED', 'refusedWrongToken']);
    }
    await refuses(leader, { token, node: 'w3' }, ['OVERLOADED', 'refusedLocked']);
    await leader.dial({ key });
    for (let i = 0; i < 5; i += 1) {
      await refuses(leader, { key, signs: { node: 'w9' } }, ['NOT_ALLOWED', 'refusedWrongProof']);
    }
    await refuses(leader, { key }, ['OVERLOADED', 'refusedLocked']);
    await leader.dial({ key: other.key, node: 'w2' });
    await leader.dial({ key, address: '192.0.2.8:1' });
  });

  test('a token that is right but expired, revoked or used up is no guess', async () => {
    const leader = open();
    const { token } = await enrolled(leader);
    for (let i = 0; i < 20; i += 1) {
      await refuses(leader, { token, node: `x${i}` }, ['NOT_ALLOWED', 'refusedTokenUsed']);
    }
    await enrolled(leader, { node: 'w2' });
  });

  test('a jump of the wall clock frees no guesser and expires no token', async () => {
    for (const jumpMs of [3_600_000, -3_600_000]) {
      const leader = open();
      const { wallNow } = leader.clock;
      const { token } = await leader.invites.create({ role: 'collaborator', ttlMs: MINUTE });
      for (let i = 0; i < 5; i += 1) await assert.rejects(leader.dial({ token: guessOf(token) }));
      leader.clock.wallNow = () => wallNow.call(leader.clock) + jumpMs;
      await refuses(leader, { token }, ['OVERLOADED', 'refusedLocked']);
      await leader.clock.advance(MINUTE - 1);
      await leader.dial({ token, address: '192.0.2.8:1' });
      const { token: late } = await leader.invites.create({ role: 'collaborator', ttlMs: MINUTE });
      await leader.clock.advance(MINUTE);
      await refuses(leader, { token: late, node: 'w2', address: '192.0.2.8:1' }, [
        'NOT_ALLOWED',
        'refusedTokenExpired',
      ]);
    }
  });
});

test('hostile answers are refused by name, count as no guess, and nothing of them is repeated', async () => {
  const leader = open();
  const { token } = await leader.invites.create({ role: 'collaborator' });
  const key = base64url(DeviceKey.generate().publicKey);
  const signature = base64url(randomBytes(64));
  // The same bytes, spelt in another way: the last letter has two bits that mean nothing.
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const respelt = key.slice(0, -1) + letters[letters.indexOf(key.slice(-1)) + 1];
  const secret = 's3cr3t-\u202e\u0000\ud83d\ude00';
  const good = { key, signature, token };
  const texts = [
    respelt,
    '',
    secret,
    secret.repeat(100_000),
    `${key} `,
    `${key}=`,
    key.slice(1),
    `${key}A`,
    'é'.repeat(43),
    '\0'.repeat(43),
  ];
  const values: unknown[] = [
    ...texts,
    null,
    0,
    -1,
    1e308,
    true,
    [],
    [key],
    {},
    { length: 43 },
    new Uint8Array(32),
    undefined,
  ];
  const payloads: unknown[] = values.flatMap((value) => [
    value,
    { ...good, key: value },
    { ...good, signature: value },
  ]);
  payloads.push(...values.map((value) => ({ ...good, token: value })));
  payloads.push(JSON.parse(`{"__proto__":{"key":"${key}"},"signature":"${signature}","token":"${token}"}`));
  payloads.push(
    { ...good, constructor: 1 },
    { ...good, token: `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}` },
  );
  for (const type of ['enrol', 'prove']) {
    for (const payload of payloads) {
      const needsNoToken = type === 'prove' && (payload as { key?: unknown } | null)?.key === key;
      if (needsNoToken && (payload as { signature?: unknown }).signature === signature) continue;
      const error = await refuses(leader, { answer: () => ({ type, payload }) }, [
        'INVALID_MESSAGE',
        'refusedMalformed',
      ]);
      assert.ok(error.message.length < 200);
      assert.doesNotMatch(error.message, /s3cr3t/);
    }
  }
  for (const message of [
    { type: 'hello' },
    { type: 'challenge' },
    { kind: 'request' as const },
    { type: '__proto__' },
  ]) {
    await refuses(leader, { answer: () => ({ payload: good, ...message }) }, ['INVALID_MESSAGE', 'refusedMalformed']);
  }
  assert.doesNotMatch(leader.log.text, /s3cr3t/);
  await leader.dial({ token });
  leader.audit.stop();
});

test('no secret of a token is ever told', async () => {
  const leader = open();
  const { token } = await leader.invites.create({ role: 'collaborator' });
  const wrong = guessOf(token);
  const messages: string[] = [];
  for (const attempt of [
    { token },
    { token, node: 'w2' },
    { token: wrong, node: 'w3' },
    { token, role: 'operator' as const },
  ]) {
    await leader
      .dial({ ...attempt, address: `10.0.0.${messages.length}:1` })
      .catch((error: Error) => messages.push(error.message));
  }
  await leader.invites.revoke(parseToken(token).id);
  await leader.dial({ token, node: 'w4' }).catch((error: Error) => messages.push(error.message));
  const told = `${messages.join('\n')}${leader.log.text}${JSON.stringify(leader.invites.list())}${JSON.stringify(leader.disk.entries)}`;
  assert.equal(messages.length, 4);
  for (const secret of [token, wrong]) {
    const bytes = parseToken(secret).secret;
    for (const text of [secret.split('-')[5] as string, base64url(bytes), Buffer.from(bytes).toString('hex')]) {
      assert.ok(!told.includes(text));
    }
  }
  assert.ok(told.includes(parseToken(token).id), 'its id is');
  leader.audit.stop();
});
