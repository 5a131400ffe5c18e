import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { DeviceBook } from '../../src/security/devices/device-book.js';
import { Devices } from '../../src/security/devices/devices.js';
import type { JournalEntry } from '../../src/security/storage/private-journal.js';
import { FakeDisk } from './fake-disk.js';

const INVITE = 'abcdefgh';
const newKey = (): string => randomBytes(32).toString('base64url');

function open(entries: readonly JournalEntry[] = []) {
  const clock = new VirtualClock();
  const disk = new FakeDisk();
  const book = new DeviceBook();
  for (const entry of entries) assert.equal(book.replay(entry), true, JSON.stringify(entry));
  const devices = new Devices({ book, ledger: disk, clock });
  const told: string[] = [];
  devices.onEvicted(({ name }) => told.push(name));
  const enrol = (name: string, more: Partial<Parameters<Devices['enrol']>[0]> = {}) =>
    devices.enrol({ key: newKey(), name, role: 'collaborator', maySubmit: false, invite: INVITE, ...more });
  return { clock, disk, book, devices, told, enrol, names: () => devices.list().map(({ name }) => name) };
}

test('a device is one once it is stored, and is there after a restart', async () => {
  const { disk, devices, enrol, names, clock } = open();
  disk.hold();
  const enrolling = enrol('w1', { maySubmit: true });
  assert.deepEqual(
    [names(), devices.byName('w1'), devices.uses(INVITE), devices.unstoredUses(INVITE)],
    [[], undefined, 0, 1],
  );
  disk.release();
  await enrolling;
  const [device] = devices.list();
  const { id, ...rest } = device ?? assert.fail();
  assert.match(id, /^[a-z2-7]{10}$/);
  const enrolledAt = clock.wallNow();
  assert.deepEqual(rest, {
    name: 'w1',
    role: 'collaborator',
    maySubmit: true,
    enrolledAt,
    invite: INVITE,
    state: 'active',
  });
  const restarted = open(disk.entries);
  assert.deepEqual(restarted.devices.list(), devices.list());
  assert.equal(restarted.devices.uses(INVITE), 1);
});

test('one that could not be stored is none, and frees what it had reserved', async () => {
  const { disk, devices, enrol, names } = open();
  disk.fails = 1;
  const key = newKey();
  await assert.rejects(enrol('w1', { key }), { code: 'IO' });
  assert.deepEqual(
    [names(), devices.find(key), devices.holder('w1'), devices.uses(INVITE)],
    [[], undefined, undefined, 0],
  );
  await enrol('w1', { key });
  assert.deepEqual([names(), devices.uses(INVITE), devices.unstoredUses(INVITE)], [['w1'], 1, 0]);
});

test('evicting holds at once, is told once, and is remembered', async () => {
  const { disk, devices, enrol, told, clock } = open();
  const { key } = await enrol('w1');
  disk.hold();
  const evicting = devices.evict('w1');
  await clock.advance(0);
  assert.notEqual(devices.find(key)?.evictedAt, undefined, 'before the disk has it');
  assert.deepEqual(told, ['w1']);
  disk.release();
  assert.equal(await evicting, true);
  assert.equal(await devices.evict('w1'), true);
  assert.equal(await devices.evict('nobody'), false);
  assert.deepEqual([told, disk.entries.length], [['w1'], 2]);
  assert.equal(devices.byName('w1')?.state, 'evicted');
  assert.deepEqual(open(disk.entries).devices.list(), devices.list());
});

test('an eviction that could not be stored holds until a restart, and the next try stores it', async () => {
  const { disk, devices, enrol, told } = open();
  await enrol('w1');
  disk.fails = 1;
  await assert.rejects(devices.evict('w1'), { code: 'IO' });
  assert.deepEqual([devices.byName('w1')?.state, told], ['evicted', ['w1']]);
  assert.equal(open(disk.entries).devices.byName('w1')?.state, 'active');
  assert.equal(await devices.evict('w1'), true);
  assert.equal(open(disk.entries).devices.byName('w1')?.state, 'evicted');
});

test('who is evicted or forgotten while it enrols is so as soon as it is a device', async () => {
  for (const [end, left] of [
    ['evict', 1],
    ['forget', 0],
  ] as const) {
    const { disk, devices, enrol, told, names } = open();
    disk.hold();
    const enrolling = enrol('w1');
    const ending = devices[end]('w1');
    disk.release();
    await enrolling;
    assert.equal(await ending, true);
    assert.deepEqual([told, names().length], [['w1'], left], end);
    assert.deepEqual(open(disk.entries).devices.list(), devices.list());
  }
});

test('forgetting frees name and key, but gives no use back; nothing changes if it cannot be stored', async () => {
  const { disk, devices, enrol, told } = open();
  const { key } = await enrol('w1');
  disk.fails = 1;
  await assert.rejects(devices.forget('w1'), { code: 'IO' });
  assert.deepEqual([devices.byName('w1')?.state, told], ['active', []]);
  assert.deepEqual(await Promise.all([devices.forget('w1'), devices.forget('w1')]), [true, true]);
  assert.deepEqual(
    [devices.find(key), devices.holder('w1'), devices.uses(INVITE), told],
    [undefined, undefined, 1, ['w1']],
  );
  assert.equal(await devices.forget('w1'), false);
  await enrol('w1');
  await devices.evict('w1');
  await devices.forget('w1');
  assert.deepEqual(told, ['w1', 'w1'], 'who was evicted before is not told of again');
});

test('a listener that throws keeps nobody from being evicted', async () => {
  const { devices, enrol, told } = open();
  const listener = devices.onEvicted(() => {
    throw new Error('broken');
  });
  devices.onEvicted(({ name }) => told.push(`${name} again`));
  await enrol('w1');
  await devices.evict('w1');
  assert.deepEqual(told, ['w1', 'w1 again']);
  listener[Symbol.dispose]();
});

test('an entry that was written though its fsync failed stands back behind a later one', () => {
  const [key, other] = [newKey(), newKey()];
  const entry = { t: 'enrol', key, name: 'w1', role: 'collaborator', maySubmit: false, at: 1, invite: INVITE };
  const cases: readonly (readonly [JournalEntry[], string])[] = [
    [[entry, { ...entry, at: 2 }], `w1 ${key}`],
    [[entry, { ...entry, key: other }], `w1 ${other}`],
    [[entry, { ...entry, name: 'w2' }], `w2 ${key}`],
  ];
  for (const [entries, left] of cases) {
    const { book, devices } = open(entries);
    assert.equal([...book.all()].map((record) => `${record.name} ${record.key}`).join(), left);
    assert.equal(devices.uses(INVITE), 1);
  }
});

test('a name belongs to its device, and what follows a dot to the client before it', async () => {
  const { devices, enrol } = open();
  await enrol('w1');
  await enrol('ops', { role: 'operator' });
  await enrol('ops.a', { role: 'observer' });
  const held = ['w1', 'w1.x', 'ops', 'ops.b', 'ops.b.c', 'ops.a', 'ops.a.c', 'opsx', '.', '', 'ops.'];
  const holders = held.map((name) => devices.holder(name)?.name ?? '-');
  assert.deepEqual(holders, ['w1', '-', 'ops', 'ops', 'ops', 'ops.a', 'ops.a', '-', '-', '-', 'ops']);
});

test('whatever happened, the shortest history and the whole one say the same', async () => {
  const step = fc.tuple(fc.constantFrom('enrol', 'evict', 'forget'), fc.integer({ min: 0, max: 5 }), fc.boolean());
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { disk, book, devices, enrol } = open();
      for (const [what, index, fails] of steps) {
        disk.fails = fails && what !== 'evict' ? 1 : 0;
        const name = `w${index}`;
        if (what === 'enrol' && !devices.holder(name))
          await enrol(name, { invite: `abcdefg${'abcdef'[index]}` }).catch(() => {});
        else if (what === 'evict') await devices.evict(name);
        else if (what === 'forget') await devices.forget(name).catch(() => {});
      }
      const invites = [...'abcdef'].map((letter) => `abcdefg${letter}`);
      const stateOf = (of: Devices) => [of.list(), invites.map((invite) => of.uses(invite))];
      const shortest = JSON.parse(JSON.stringify([...book.entries()]));
      assert.deepEqual(stateOf(open(shortest).devices), stateOf(devices));
      assert.deepEqual(stateOf(open(disk.entries).devices), stateOf(devices));
    }),
    { numRuns: 100 },
  );
});

test('entries that are none of ours are known as such', () => {
  const book = new DeviceBook();
  const good = { t: 'enrol', key: newKey(), name: 'w1', role: 'collaborator', maySubmit: false, at: 1, invite: INVITE };
  const values = ['', '\u202e', 'x'.repeat(1_000_000), '\0', 'W1', '../x', null, -1, 1.5, {}, [], `${good.key}=`];
  for (const field of Object.keys(good)) {
    for (const value of values) assert.equal(book.replay({ ...good, [field]: value }), false, `${field} ${value}`);
    assert.equal(book.replay({ ...good, [field]: undefined }), false, field);
  }
  const others = [
    {},
    { t: 'spent', invite: INVITE, uses: 0 },
    { t: 'spent', uses: 1 },
    { t: 'evict', name: 'w1' },
    { t: 'x', name: 'w1', at: 1 },
  ];
  for (const entry of others) assert.equal(book.replay(entry), false, JSON.stringify(entry));
  assert.equal(book.size, 0);
  assert.equal(book.replay(good), true);
});
