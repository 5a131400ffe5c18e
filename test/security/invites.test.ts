import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { InviteBook } from '../../src/security/invites/invite-book.js';
import { Invites, type NewInvitation } from '../../src/security/invites/invites.js';
import { parseToken } from '../../src/security/invites/join-token.js';
import type { JournalEntry } from '../../src/security/storage/private-journal.js';
import { FakeDisk } from './fake-disk.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function open(options: { maxInvites?: number; entries?: readonly JournalEntry[]; clock?: VirtualClock } = {}) {
  const clock = options.clock ?? new VirtualClock();
  const disk = new FakeDisk();
  const used = new Map<string, number>();
  const authority = { fingerprint: new Uint8Array(32).fill(1) };
  const book = new InviteBook({ now: clock.now(), wall: clock.wallNow() });
  for (const entry of options.entries ?? []) assert.equal(book.replay(entry), true, JSON.stringify(entry));
  const invites = new Invites({
    book,
    ledger: disk,
    clock,
    fingerprint: () => authority.fingerprint,
    uses: (id) => used.get(id) ?? 0,
    maxInvites: options.maxInvites,
  });
  return { clock, disk, used, authority, book, invites, check: (token: string) => faultOf(invites, token) };
}

function faultOf(invites: Invites, token: string): string {
  const found = invites.check(parseToken(token));
  return typeof found === 'string' ? found : 'fine';
}

test('a token is good for a day, for one device, and says what it grants', async () => {
  const { clock, invites, check, authority } = open();
  const { token, ...invitation } = await invites.create({ role: 'collaborator' });
  const at = clock.wallNow();
  const { id, ...rest } = invitation;
  assert.deepEqual(rest, {
    role: 'collaborator',
    uses: 1,
    used: 0,
    createdAt: at,
    expiresAt: at + DAY,
    maySubmit: false,
    automatic: false,
  });
  assert.match(id, /^[a-z2-7]{8}$/);
  const parsed = parseToken(token);
  assert.deepEqual([parsed.id, parsed.role], [id, 'collaborator']);
  assert.deepEqual([...parsed.fingerprint], [...authority.fingerprint]);
  assert.equal(check(token), 'fine');
  assert.deepEqual(invites.list(), [invitation]);
});

test('of a secret only its hash is kept', async () => {
  const { disk, invites } = open();
  const { token } = await invites.create({ role: 'operator' });
  const { secret } = parseToken(token);
  const kept = JSON.stringify([disk.entries, invites.list()]);
  assert.ok(!kept.includes(token.split('-')[5] as string));
  for (const encoding of ['hex', 'base64', 'base64url'] as const) {
    assert.ok(!kept.includes(Buffer.from(secret).toString(encoding)), encoding);
  }
});

test('what cannot be is refused by the name of its field', async () => {
  const { disk, invites } = open();
  const wrong: readonly [Record<string, unknown>, RegExp][] = [
    [{ role: 'leader' }, /role must be one of collaborator, operator, observer/],
    [{ role: undefined }, /role/],
    [{ uses: 0 }, /uses must be a whole number from 1 to 100000/],
    [{ uses: 1.5 }, /uses/],
    [{ uses: 100_001 }, /uses/],
    [{ uses: '2' }, /uses/],
    [{ uses: Number.NaN }, /uses/],
    [{ ttlMs: 999 }, /ttlMs must be .* from 1000 \(1 s\)/],
    [{ ttlMs: 365 * DAY + 1 }, /ttlMs/],
    [{ ttlMs: Number.POSITIVE_INFINITY }, /ttlMs/],
    [{ maySubmit: 'yes' }, /maySubmit/],
    [{ automatic: 1 }, /automatic/],
    [{ role: 'operator', maySubmit: true }, /an operator always may/],
    [{ role: 'observer', maySubmit: true }, /an observer never may/],
  ];
  for (const [fields, message] of wrong) {
    const invitation = { role: 'collaborator', ...fields } as unknown as NewInvitation;
    await assert.rejects(invites.create(invitation), { code: 'INVALID_OPTION', message });
  }
  assert.equal(disk.entries.length, 0);
});

test('it expires when it says, on the monotonic clock', async () => {
  const { clock, invites, check } = open();
  const { token } = await invites.create({ role: 'collaborator', ttlMs: HOUR });
  await clock.advance(HOUR - 1);
  assert.equal(check(token), 'fine');
  await clock.advance(1);
  assert.equal(check(token), 'token-expired');
});

test('a wall clock that jumps by an hour ends no token and saves none; one that is days ahead is believed', async () => {
  const { clock, invites, check } = open();
  const wallNow = clock.wallNow.bind(clock);
  const { token } = await invites.create({ role: 'collaborator', ttlMs: 60_000 });
  for (const [jumpMs, fault] of [
    [HOUR, 'fine'],
    [-HOUR, 'fine'],
    [3 * DAY, 'token-expired'],
  ] as const) {
    clock.wallNow = () => wallNow() + jumpMs;
    assert.equal(check(token), fault, `${jumpMs}`);
  }
  clock.wallNow = () => wallNow() - 3 * DAY;
  await clock.advance(60_000);
  assert.equal(check(token), 'token-expired', 'set back for ever');
});

test('after a restart a token has what was left of its time, and never more than it was made for', async () => {
  const before = open();
  const { token } = await before.invites.create({ role: 'collaborator', ttlMs: HOUR });
  const epoch = before.clock.wallNow();
  for (const [restartedAt, leftMs] of [
    [epoch + HOUR / 4, (HOUR * 3) / 4],
    [epoch - 30 * DAY, HOUR],
    [epoch + HOUR, 0],
  ] as const) {
    const clock = new VirtualClock({ epochMs: restartedAt });
    const after = open({ clock, entries: before.disk.entries });
    if (leftMs > 0) {
      await clock.advance(leftMs - 1);
      assert.equal(after.check(token), 'fine');
      await clock.advance(1);
    }
    assert.equal(after.check(token), 'token-expired');
  }
});

test('revoking ends it, also twice, and is remembered', async () => {
  const { disk, invites, check } = open();
  const { token, id } = await invites.create({ role: 'collaborator', uses: 3 });
  assert.equal(await invites.revoke(id), true);
  assert.equal(await invites.revoke(id), true);
  assert.equal(await invites.revoke('aaaaaaaa'), false);
  assert.equal(await invites.revoke('\u202e'.repeat(10_000)), false);
  assert.equal(await invites.revoke('__proto__'), false);
  assert.equal(check(token), 'token-revoked');
  assert.equal(disk.entries.length, 2, 'the second time writes nothing');
  const after = open({ entries: disk.entries });
  assert.equal(after.check(token), 'token-revoked');
  assert.deepEqual(after.invites.list(), invites.list());
});

test('revoking all counts those that could still be used', async () => {
  const { clock, used, invites } = open();
  const make = async (ttlMs = DAY) => (await invites.create({ role: 'collaborator', ttlMs })).id;
  await make(1_000);
  await clock.advance(1_000);
  await invites.revoke(await make());
  used.set(await make(), 1);
  await make();
  await make();
  assert.equal(await invites.revokeAll(), 2);
  assert.equal(await invites.revokeAll(), 0);
});

test('another authority ends every token, now and after a crash that left it unsaid', async () => {
  const { disk, authority, invites, check } = open();
  const { token } = await invites.create({ role: 'collaborator' });
  authority.fingerprint = new Uint8Array(32).fill(2);
  assert.equal(check(token), 'token-revoked');
  const { token: fresh } = await invites.create({ role: 'collaborator' });
  assert.equal(invites.foreign(), 1);
  disk.fails = 1;
  await assert.rejects(invites.revokeForeign(), { code: 'IO' });
  const restarted = open({ entries: disk.entries });
  restarted.authority.fingerprint = authority.fingerprint;
  assert.equal(restarted.check(token), 'token-revoked');
  assert.equal(restarted.check(fresh), 'fine');
  assert.equal(await restarted.invites.revokeForeign(), 1);
  assert.deepEqual(
    restarted.invites.list().map(({ revokedAt }) => revokedAt !== undefined),
    [true, false],
  );
});

test("a start's automatic token replaces the one before, unless that was used", async () => {
  const { used, invites, check } = open();
  const own = await invites.create({ role: 'collaborator' });
  const first = await invites.create({ role: 'collaborator', automatic: true, uses: 5 });
  used.set(first.id, 1);
  const second = await invites.create({ role: 'collaborator', automatic: true });
  const third = await invites.create({ role: 'collaborator', automatic: true });
  const faults = [own, first, second, third].map(({ token }) => check(token));
  assert.deepEqual(faults, ['fine', 'fine', 'token-revoked', 'fine']);
});

test('a token that could not be stored is none', async () => {
  const { disk, invites } = open();
  disk.fails = 1;
  await assert.rejects(invites.create({ role: 'collaborator' }), { code: 'IO' });
  assert.deepEqual(invites.list(), []);
});

test('a token whose revocation could not be stored is refused all the same, and the next try stores it', async () => {
  const { disk, invites, check } = open();
  const { token, id } = await invites.create({ role: 'collaborator' });
  disk.fails = 2;
  await assert.rejects(invites.revoke(id), { code: 'IO' });
  assert.equal(check(token), 'token-revoked');
  await assert.rejects(invites.revokeAll(), { code: 'IO' });
  await invites.revokeAll();
  assert.equal(open({ entries: disk.entries }).check(token), 'token-revoked');
});

test('so many are kept and no more; those that have ended make room', async () => {
  const { clock, disk, invites } = open({ maxInvites: 3 });
  const ids: string[] = [];
  for (let i = 0; i < 3; i += 1) ids.push((await invites.create({ role: 'collaborator', ttlMs: (i + 1) * HOUR })).id);
  await assert.rejects(invites.create({ role: 'collaborator' }), { code: 'OVERLOADED', message: /3 invitations/ });
  assert.equal(disk.entries.length, 3);
  await clock.advance(HOUR);
  const { id } = await invites.create({ role: 'collaborator' });
  assert.deepEqual(
    invites.list().map((each) => each.id),
    [ids[1], ids[2], id],
  );
});

test('those that ended a week ago are forgotten, those that can be used never', async () => {
  const { clock, used, invites } = open();
  const short = await invites.create({ role: 'collaborator', ttlMs: 1_000 });
  const revoked = await invites.create({ role: 'collaborator', ttlMs: 30 * DAY });
  const spent = await invites.create({ role: 'collaborator', ttlMs: 2 * DAY });
  const long = await invites.create({ role: 'collaborator', ttlMs: 30 * DAY });
  used.set(spent.id, 1);
  await invites.revoke(revoked.id);
  const kept = () => invites.list().map(({ id }) => id);
  await clock.advance(7 * DAY - 1);
  invites.prune();
  assert.equal(kept().length, 4);
  await clock.advance(1_001);
  invites.prune();
  assert.deepEqual(kept(), [spent.id, long.id]);
  await clock.advance(2 * DAY);
  invites.prune();
  assert.deepEqual(kept(), [long.id]);
  assert.ok(short.id);
});

test('the shortest history says the same', async () => {
  const { disk, book, invites, clock } = open();
  for (let i = 0; i < 20; i += 1) {
    const { id } = await invites.create({
      role: 'observer',
      uses: i + 1,
      ttlMs: (i + 1) * HOUR,
      automatic: i % 2 === 0,
    });
    if (i % 3 === 0) await invites.revoke(id);
    await clock.advance(60_000);
  }
  const short = open({ entries: JSON.parse(JSON.stringify([...book.entries()])) });
  const long = open({ entries: disk.entries });
  assert.deepEqual(short.invites.list(), invites.list());
  assert.deepEqual(long.invites.list(), invites.list());
});

test('entries that are none of ours are known as such', async () => {
  const { disk, invites } = open();
  const { id } = await invites.create({ role: 'collaborator' });
  const [good] = disk.entries as [JournalEntry];
  const book = new InviteBook({ now: 0, wall: 0 });
  const texts = ['', '\u202e', 'x'.repeat(1_000_000), '\0', '__proto__', null, -1, 1.5, 1e300, {}, []];
  for (const field of Object.keys(good).filter((name) => !['automatic', 'maySubmit'].includes(name))) {
    for (const value of [...texts, true])
      assert.equal(book.replay({ ...good, [field]: value }), false, `${field} ${value}`);
    const { [field]: _, ...without } = good;
    assert.equal(book.replay(without), false, field);
  }
  for (const entry of [{}, { t: 'enrol' }, { t: 'revoke', id: 5, at: 1 }, { t: 'revoke', id, at: '1' }]) {
    assert.equal(book.replay(entry), false);
  }
  assert.equal(book.size, 0);
});
