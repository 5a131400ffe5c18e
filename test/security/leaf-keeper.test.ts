import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { type Clock, realTurn } from '../../src/base/clock.js';
import { type ErrorCode, isNetworkError, type NetworkError } from '../../src/base/errors.js';
import type { Log } from '../../src/base/log.js';
import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { LeafKeeper, type LeafKeeperOptions } from '../../src/security/certificates/leaf-keeper.js';
import { assertNothingLeft } from '../leaks.js';
import { TlsServer } from './tls-server.js';

const clock = new VirtualClock();
assertNothingLeft(clock);

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Keys and certificates are made in real time. */
const PATIENCE_MS = 10_000;
const scratch = mkdtempSync(path.join(tmpdir(), 'netmgr-leaf-'));
/** A disk with room for the two files, and little else. */
const tiny = path.join(scratch, 'tiny');
mkdirSync(tiny);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32k,mode=700', 'tmpfs', tiny]);
const noDisk = mounted.status === 0 ? false : 'a small disk cannot be mounted here';
after(() => {
  if (noDisk === false) spawnSync('umount', ['-l', tiny]);
  rmSync(scratch, { recursive: true });
});

let directory: string;
let told: string[];
beforeEach(() => {
  directory = mkdtempSync(path.join(scratch, 'leader-'));
  told = [];
});

const tell = (level: string) => (fields: object, message: string) =>
  void told.push(`${level} ${message} ${JSON.stringify(fields)}`);
const log: Log = { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') };

const opened: LeafKeeper[] = [];
afterEach(async () => {
  for (const keeper of opened.splice(0)) await keeper.stop();
});

async function open(more: Partial<LeafKeeperOptions> = {}): Promise<LeafKeeper> {
  const keeper = await LeafKeeper.open({
    cluster: 'default',
    leader: 'boss',
    names: ['192.0.2.11'],
    directory,
    clock,
    random: seededRandom(1),
    log,
    ...more,
  });
  opened.push(keeper);
  return keeper;
}

const file = (name: string): string => path.join(directory, name);
const read = (name: string): string => readFileSync(file(name), 'utf8');
const heard = (pattern: RegExp): boolean => told.some((line) => pattern.test(line));

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds()) {
    assert.ok(performance.now() < deadline, 'it did not happen');
    await realTurn();
  }
}

/** Moves time on by one look of the keeper's, and waits for what it does. */
async function look(delayMs: number = MINUTE_MS): Promise<void> {
  await clock.advance(delayMs);
  await until(() => clock.pending === 1);
}

/** The key and the leaf. */
const withoutIssuers = (pem: string): string =>
  pem
    .split(/(?=-----BEGIN)/)
    .slice(0, 2)
    .join('');

/** The end of a certificate is its signature. */
function withAnotherSignature(pem: string): string {
  const [key = '', leaf = '', ...issuers] = pem.split(/(?=-----BEGIN)/);
  const der = new X509Certificate(leaf).raw;
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  return [key, new X509Certificate(der).toString(), ...issuers].join('');
}

const failing = (code: ErrorCode, message: RegExp, hint: RegExp) => (error: unknown) => {
  assert.ok(isNetworkError(error), String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  assert.match((error as NetworkError).hint ?? '', hint);
  return true;
};

describe('leaf keeper', () => {
  it('makes both at the first start, for this user alone, and finds them again', async () => {
    const first = await open();
    await first.stop();
    assert.deepEqual(readdirSync(directory).sort(), ['ca.pem', 'leaf.pem']);
    for (const name of ['ca.pem', 'leaf.pem']) assert.equal(statSync(file(name)).mode & 0o777, 0o600);
    const second = await open({ random: seededRandom(2) });
    await second.stop();
    assert.deepEqual(second.current(), first.current());
    assert.deepEqual(second.authority.fingerprint, first.authority.fingerprint);
    assert.ok(!told.join('').includes('PRIVATE'));
  });

  it('keeps everything in memory without a directory', async () => {
    const keeper = await open({ directory: undefined });
    await look();
    assert.deepEqual(keeper.counters, { leafDamaged: 0, leafUnsaved: 0, leafNotIssued: 0, authorityDamaged: 0 });
    await keeper.stop();
    assert.deepEqual(readdirSync(directory), []);
  });

  it('renews between 50 and 80 % of its life, and tells', async () => {
    const parts = new Set<number>();
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const keeper = await open({ directory: undefined, random: seededRandom(seed) });
      const { notBefore, notAfter, renewAt } = keeper.leaf;
      const part = (renewAt - notBefore) / (notAfter - notBefore);
      assert.ok(part >= 0.5 && part < 0.8, String(part));
      parts.add(part);
      await keeper.stop();
    }
    assert.equal(parts.size, 6);

    const keeper = await open({ lifetimeMs: HOUR_MS });
    const before = keeper.current();
    let changes = 0;
    const subscription = keeper.onChange(() => {
      changes += 1;
    });
    await clock.runUntil(clock.now() + keeper.leaf.renewAt - clock.wallNow() - 1);
    assert.equal(changes, 0);
    assert.equal(keeper.current(), before);
    await clock.advance(MINUTE_MS);
    await until(() => changes === 1);
    assert.notEqual(keeper.current().key, before.key);
    assert.equal(read('leaf.pem'), keeper.current().key + keeper.current().chain);
    assert.ok(keeper.leaf.notAfter > clock.wallNow() + HOUR_MS - 2 * MINUTE_MS);
    assert.ok(heard(/^info .*time to renew/));
    subscription[Symbol.dispose]();
  });

  it('replaces a leaf that was lost or damaged under way, and says so', async () => {
    const keeper = await open();
    const harm: [() => void, RegExp][] = [
      [() => rmSync(file('leaf.pem')), /^warn .*deleted.*leaf\.pem/],
      [() => writeFileSync(file('leaf.pem'), read('leaf.pem').slice(0, -90)), /^warn .*changed/],
      [() => writeFileSync(file('leaf.pem'), ''), /^warn .*changed/],
      [() => chmodSync(file('leaf.pem'), 0o644), /^warn .*open to other users/],
    ];
    for (const [index, [act, message]] of harm.entries()) {
      const before = keeper.current();
      told = [];
      act();
      await look();
      assert.ok(heard(message), `${message} in ${told}`);
      assert.notEqual(keeper.current().chain, before.chain);
      assert.equal(read('leaf.pem'), keeper.current().key + keeper.current().chain);
      assert.equal(statSync(file('leaf.pem')).mode & 0o777, 0o600);
      assert.equal(keeper.counters.leafDamaged, index + 1);
      // The look after trouble comes twice as late; all is well, and the one after that comes in time.
      await look(2 * MINUTE_MS);
    }
  });

  it('replaces a leaf that will not do at the start, and says why', async () => {
    const reasons: [Partial<LeafKeeperOptions>, () => void, RegExp][] = [
      [{}, () => rmSync(file('leaf.pem')), /there is none/],
      [{}, () => writeFileSync(file('leaf.pem'), 'nothing', { mode: 0o600 }), /damaged/],
      [{}, () => writeFileSync(file('leaf.pem'), read('leaf.pem').replaceAll('A', 'B')), /damaged/],
      [{}, () => writeFileSync(file('leaf.pem'), withoutIssuers(read('leaf.pem'))), /without its chain/],
      [
        {},
        () => writeFileSync(file('leaf.pem'), withAnotherSignature(read('leaf.pem'))),
        /not of this cluster's authority/,
      ],
      [{ names: ['192.0.2.12'] }, () => {}, /names of the leader changed/],
      [{ names: [] }, () => {}, /names of the leader changed/],
      [{ leader: 'other' }, () => {}, /leader of another name/],
      [{ clock: clock.skewed(91 * 24 * HOUR_MS) }, () => {}, /expired/],
    ];
    for (const [options, act, reason] of reasons) {
      const first = await open();
      await first.stop();
      told = [];
      act();
      const second = await open(options);
      await second.stop();
      assert.notEqual(second.current().chain, first.current().chain, String(reason));
      assert.ok(heard(reason), `${reason} in ${told}`);
      assert.deepEqual(second.authority.fingerprint, first.authority.fingerprint);
      assert.equal(read('leaf.pem'), second.current().key + second.current().chain);
    }
  });

  it('goes on with a leaf that cannot be written, and writes it later', async () => {
    // A directory that is not empty cannot be replaced by a file, not even by root.
    const keeper = await open({ lifetimeMs: HOUR_MS });
    rmSync(file('leaf.pem'));
    mkdirSync(file('leaf.pem/in-the-way'), { recursive: true });
    const before = keeper.current();
    await look();
    assert.notEqual(keeper.current(), before);
    assert.ok(heard(/^error .*could not be written.*"retryInMs":120000/), told.join('\n'));
    const inUse = keeper.current();
    await look(2 * MINUTE_MS);
    await look(4 * MINUTE_MS);
    assert.equal(keeper.counters.leafUnsaved, 3);
    assert.equal(keeper.current(), inUse);
    rmSync(file('leaf.pem'), { recursive: true });
    await look(8 * MINUTE_MS);
    assert.equal(read('leaf.pem'), inUse.key + inUse.chain);
    assert.equal(keeper.current(), inUse);
  });

  it('goes on when the disk is full, and writes later', { skip: noDisk }, async () => {
    directory = tiny;
    const keeper = await open({ lifetimeMs: HOUR_MS });
    const before = read('leaf.pem');
    assert.throws(() => writeFileSync(file('ballast'), Buffer.alloc(64 * 1024)), /ENOSPC/);
    await look(keeper.leaf.renewAt - clock.wallNow() + MINUTE_MS);
    assert.ok(heard(/^error .*could not be written.*the disk is full/), told.join('\n'));
    assert.equal(read('leaf.pem'), before);
    const inUse = keeper.current();
    assert.ok(!before.includes(inUse.key));
    await assert.rejects(keeper.rotate(), failing('IO', /ca\.pem.*the disk is full/, /Make room/));
    assert.equal(keeper.current(), inUse);
    rmSync(file('ballast'));
    await look(2 * MINUTE_MS);
    assert.equal(read('leaf.pem'), inUse.key + inUse.chain);
  });

  it('looks again after an hour at the latest', async () => {
    const keeper = await open();
    rmSync(file('leaf.pem'));
    mkdirSync(file('leaf.pem/in-the-way'), { recursive: true });
    for (let minutes = 1; minutes < 64; minutes *= 2) await look(minutes * MINUTE_MS);
    const { leafUnsaved } = keeper.counters;
    await look(HOUR_MS);
    await look(HOUR_MS);
    assert.equal(keeper.counters.leafUnsaved, leafUnsaved + 2);
  });

  it('leaves out a name that cannot stand in a certificate', async () => {
    const keeper = await open({ names: ['Leader.Example', 'not a host'] });
    await keeper.stop();
    const names = new X509Certificate(keeper.current().chain).subjectAltName;
    assert.match(names ?? '', /DNS:leader\.example, DNS:localhost/);
    assert.ok(heard(/^warn .*left out.*not a host/));
  });

  it('makes a new leaf when the clock was set back', async () => {
    const skewed = clock.skewed(HOUR_MS);
    const keeper = await open({ clock: skewed });
    skewed.skewMs = 0;
    await look();
    assert.ok(heard(/clock was set back/));
    assert.ok(keeper.leaf.notBefore <= clock.wallNow());
  });
});

describe('an authority that is lost', () => {
  const hint = /Restore the file from a backup.*join every node again/;

  it('is an error at the start, never a new one', async () => {
    const keeper = await open();
    await keeper.stop();
    const whole = read('ca.pem');
    const leaf = read('leaf.pem');
    const key = whole.slice(0, whole.indexOf('-----BEGIN CERTIFICATE'));
    const losses: [string, RegExp][] = [
      [whole.replace(key, ''), /ca\.pem: the authority's private key is missing/],
      [key, /ca\.pem: the authority's certificate is missing/],
      [whole.slice(0, -100), /certificate/],
      ['', /certificate is missing/],
    ];
    for (const [text, message] of losses) {
      writeFileSync(file('ca.pem'), text);
      await assert.rejects(open(), failing('INVALID_OPTION', message, hint));
      assert.equal(read('ca.pem'), text);
    }
    rmSync(file('ca.pem'));
    await assert.rejects(open(), failing('INVALID_OPTION', /ca\.pem: the file is missing/, hint));
    rmSync(file('leaf.pem'));
    await assert.rejects(open({ expected: true }), failing('INVALID_OPTION', /the file is missing/, hint));
    assert.deepEqual(readdirSync(directory), []);
    writeFileSync(file('ca.pem'), whole, { mode: 0o644 });
    await assert.rejects(open(), failing('INVALID_OPTION', /open to other users \(mode 644\)/, /^chmod 600 /));
    chmodSync(file('ca.pem'), 0o600);
    writeFileSync(file('leaf.pem'), leaf, { mode: 0o644 });
    await assert.rejects(open(), failing('INVALID_OPTION', /leaf\.pem is open to other users/, /^chmod 600 /));
  });

  it('is written again under way, and said to be', async () => {
    const keeper = await open();
    const whole = read('ca.pem');
    rmSync(file('ca.pem'));
    await look();
    assert.equal(read('ca.pem'), whole);
    assert.ok(heard(/^error .*authority was deleted.*ca\.pem/));
    writeFileSync(file('ca.pem'), 'another');
    await look();
    await look();
    assert.equal(read('ca.pem'), 'another');
    assert.equal(told.filter((line) => line.includes('was changed')).length, 1);
    assert.equal(keeper.counters.authorityDamaged, 2);
  });

  it('is not taken for that of another cluster', async () => {
    await (await open()).stop();
    await assert.rejects(
      open({ cluster: 'other' }),
      failing('CLUSTER_MISMATCH', /of the cluster "default", not of "other"/, /state directory of its own/),
    );
  });

  it('names both times when the clock is wrong', async () => {
    const now = clock.wallNow();
    const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16);
    await (await open()).stop();
    const wrong = (skewMs: number): Clock => clock.skewed(skewMs);
    await assert.rejects(
      open({ clock: wrong(-HOUR_MS) }),
      failing(
        'NOT_ALLOWED',
        new RegExp(`valid from ${iso(now - 300_000)}.*clock says ${iso(now - HOUR_MS)}`),
        /date -u/,
      ),
    );
    await assert.rejects(
      open({ clock: wrong(11 * 365 * 24 * HOUR_MS) }),
      failing('NOT_ALLOWED', /was valid until .*clock says /, /date -u/),
    );
  });
});

describe('rotation', () => {
  it('is on disk before it is in use, and loses nobody', async () => {
    // Real handshakes want the real time.
    const now = new VirtualClock({ epochMs: Date.now() });
    const keeper = await open({ clock: now });
    const old = keeper.authority;
    let changes = 0;
    keeper.onChange(() => {
      changes += 1;
      assert.ok(read('leaf.pem').endsWith(keeper.current().chain));
      assert.equal(read('ca.pem'), keeper.authority.toPem());
    });
    const next = await keeper.rotate();
    assert.equal(changes, 1);
    assert.equal(keeper.authority, next);
    assert.deepEqual(next.roots, [next.certificate, old.certificate]);
    assert.notDeepEqual(next.fingerprint, old.fingerprint);
    await using server = await TlsServer.open(keeper.current());
    for (const root of [old, next]) assert.equal(await server.shakeHands({ ca: [root.certificate] }), 'ok');
    await keeper.stop();
    const again = await open({ clock: now });
    await again.stop();
    assert.deepEqual(again.current(), keeper.current());
    await assert.rejects(again.rotate(), failing('STOPPED', /is stopping/, /^$/));
    assert.equal(now.pending, 0);
  });

  it('changes nothing when it cannot be written', async () => {
    const keeper = await open();
    const before = keeper.current();
    const { authority } = keeper;
    renameSync(directory, `${directory}-away`);
    await assert.rejects(keeper.rotate(), failing('IO', /ca\.pem/, /./));
    assert.equal(keeper.current(), before);
    assert.equal(keeper.authority, authority);
    renameSync(`${directory}-away`, directory);
    await keeper.rotate();
    assert.notEqual(keeper.current(), before);
  });

  it('runs one at a time', async () => {
    const keeper = await open();
    const running = keeper.rotate();
    await assert.rejects(keeper.rotate(), failing('OVERLOADED', /being replaced already/, /^$/));
    await running;
    assert.equal(keeper.authority.roots.length, 2);
  });

  it('that was cut short before the leaf was written makes a new leaf at the start', async () => {
    const keeper = await open();
    const leaf = read('leaf.pem');
    await keeper.rotate();
    await keeper.stop();
    writeFileSync(file('leaf.pem'), leaf);
    const again = await open();
    await again.stop();
    assert.ok(heard(/not of this cluster's authority/));
    assert.ok(again.authority.signed(new X509Certificate(again.current().chain)));
  });
});
