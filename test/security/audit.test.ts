import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetworkError } from '../../src/base/errors.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { Audit, type RefusalReason } from '../../src/security/audit/audit.js';
import { RecordingLog } from './recording-log.js';

const MINUTE = 60_000;

function open() {
  const clock = new VirtualClock();
  const log = new RecordingLog();
  const audit = new Audit({ clock, log });
  const refuse = (address: string, reason: RefusalReason = 'unknown-key') =>
    audit.refused({ reason, address, error: new NetworkError('NOT_ALLOWED', 'not you') });
  return { clock, log, audit, refuse };
}

test('a refusal has a line with everything that is public, and two counters', () => {
  const { log, audit } = open();
  const error = new NetworkError('EVICTED', 'w1 was removed');
  audit.refused({ reason: 'evicted', address: '192.0.2.7:1', node: 'w1', role: 'collaborator', device: 'abc', error });
  audit.stop();
  const [line] = log.lines;
  assert.equal(line?.level, 'warn');
  assert.equal(line?.message, 'refused: w1 was removed');
  assert.deepEqual(JSON.parse(JSON.stringify(line?.fields)), {
    audit: 'refused',
    reason: 'evicted',
    code: 'EVICTED',
    address: '192.0.2.7:1',
    node: 'w1',
    role: 'collaborator',
    device: 'abc',
  });
  assert.equal(audit.counters['refusedEvicted'], 1);
  assert.equal(audit.counters['refused'], 1);
  assert.equal(audit.counters['refusedUnknownKey'], 0);
});

test('ten lines of an address and minute, then one that sums up; the counters are exact', async () => {
  const { clock, log, audit, refuse } = open();
  for (let i = 0; i < 1_000; i += 1) refuse(`192.0.2.7:${i}`, i % 4 === 0 ? 'wrong-proof' : 'unknown-key');
  assert.equal(log.lines.length, 10);
  await clock.advance(MINUTE);
  assert.equal(log.lines.length, 11);
  const fields = log.lines[10]?.fields;
  assert.equal(fields?.['withheld'], 990);
  assert.equal(fields?.['address'], '192.0.2.7');
  assert.deepEqual(fields?.['reasons'], { 'unknown-key': 743, 'wrong-proof': 247 });
  const { refused, refusedUnknownKey, refusedWrongProof, auditWithheld } = audit.counters;
  assert.deepEqual([refused, refusedUnknownKey, refusedWrongProof, auditWithheld], [1_000, 750, 250, 990]);
  refuse('192.0.2.7:9');
  assert.equal(log.lines.length, 12, 'a new minute');
  audit.stop();
  assert.equal(clock.pending, 0);
});

test('nothing is summed up where nothing was left out, and no timer stays', async () => {
  const { clock, log, refuse } = open();
  refuse('192.0.2.7:1');
  await clock.advance(10 * MINUTE);
  assert.equal(log.lines.length, 1);
  assert.equal(clock.pending, 0);
});

test('the noise of one address hides no other', () => {
  const { log, audit, refuse } = open();
  for (let i = 0; i < 100; i += 1) refuse('192.0.2.7:1');
  refuse('192.0.2.8:1');
  assert.equal(log.lines.at(-1)?.fields['address'], '192.0.2.8:1');
  audit.stop();
});

test('50,000 addresses write no more than 1,001 do', async () => {
  const { clock, log, audit } = open();
  const error = new NetworkError('NOT_ALLOWED', 'not you');
  for (let i = 0; i < 50_000; i += 1) {
    audit.refused({ reason: 'unknown-key', address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:1`, error });
  }
  assert.equal(log.lines.length, 1_010);
  await clock.advance(MINUTE);
  assert.equal(log.lines.length, 1_011);
  assert.equal(log.lines.at(-1)?.fields['withheld'], 50_000 - 1_010);
  assert.equal(audit.counters['refused'], 50_000);
});

test('stop tells what was left out so far', () => {
  const { clock, log, audit, refuse } = open();
  for (let i = 0; i < 13; i += 1) refuse('192.0.2.7:1');
  audit.stop();
  assert.equal(log.lines.at(-1)?.fields['withheld'], 3);
  assert.equal(clock.pending, 0);
  refuse('192.0.2.9:1');
  assert.equal(clock.pending, 0, 'also of what comes later');
});

test("a peer's own words are clipped", () => {
  const { log, audit } = open();
  const error = new NetworkError('NOT_ALLOWED', 'x'.repeat(10_000));
  audit.refused({
    reason: 'not-permitted',
    address: 'unix',
    node: 'n'.repeat(10_000),
    action: '\u202e'.repeat(10_000),
    error,
  });
  audit.stop();
  assert.ok(log.text.length < 1_000, String(log.text.length));
});

test('what operators do is told without exception, and counted', () => {
  const { log, audit } = open();
  for (let i = 0; i < 100; i += 1) audit.operated({ operator: 'ops', action: 'netmgr.evict', target: `w${i}` });
  audit.operated({ operator: 'ops', action: 'netmgr.evict', target: 'w1', failed: 'NO_TARGET' });
  assert.equal(log.lines.length, 101);
  assert.equal(log.lines[0]?.message, 'ops: netmgr.evict w0');
  assert.equal(log.lines[100]?.fields['failed'], 'NO_TARGET');
  assert.equal(audit.counters['operations'], 101);
  assert.equal(audit.counters['operationsFailed'], 1);
});
