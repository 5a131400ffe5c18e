import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ERROR_CODES, isErrorCode } from '../../../src/base/errors.js';
import { EXPLANATIONS } from '../../../src/cli/doctor/explanations/explanations.js';
import type { Finding } from '../../../src/cli/doctor/finding.js';
import { checkClock, checkNode, checkOpenFiles } from '../../../src/cli/doctor/host-checks.js';
import { checkState } from '../../../src/cli/doctor/state-checks.js';
import { DeviceKey } from '../../../src/security/devices/device-key.js';
import { formatToken } from '../../../src/security/invites/join-token.js';
import { assertNothingLeft } from '../../leaks.js';
import { type FakeOptions, run } from '../fake-environment.js';

assertNothingLeft();
const directory = mkdtempSync(join(tmpdir(), 'netmgr-doctor-'));
after(() => rmSync(directory, { recursive: true }));
const uid = process.getuid?.() ?? 0;

function place(name: string): { readonly state: string; readonly options: FakeOptions } {
  const state = join(directory, name, 'state');
  const variables = { NETMGR_STATE_DIR: state, NETMGR_CONFIG_DIR: join(directory, name, 'config') };
  return { state, options: { variables, uid } };
}

/** A state directory as a leader and an enrolled node leave it. */
function inhabited(name: string): ReturnType<typeof place> & { readonly key: DeviceKey } {
  const it = place(name);
  const node = join(it.state, 'nodes', 'w1');
  mkdirSync(node, { recursive: true, mode: 0o700 });
  mkdirSync(join(it.state, 'leader'), { mode: 0o700 });
  const key = DeviceKey.generate();
  writeFileSync(join(node, 'device.key'), key.toPem(), { mode: 0o600 });
  writeFileSync(join(node, 'cluster.json'), JSON.stringify({ schema: 1, cluster: 'lab', roots: [] }), { mode: 0o600 });
  return { ...it, key };
}

interface Report {
  readonly healthy: boolean;
  readonly checks: readonly Finding[];
}

async function examine(
  words: readonly string[],
  options: FakeOptions,
): Promise<Report & { readonly exitCode: number }> {
  const { exitCode, stdout } = await run(['doctor', '--json', ...words], options);
  return { exitCode, ...(JSON.parse(stdout) as Report) };
}

const of = ({ checks }: Report, check: string): Finding => {
  const found = checks.find((finding) => finding.check === check);
  assert.ok(found, `${check} in ${JSON.stringify(checks)}`);
  return found;
};

test('a healthy host gets ok for everything, and exit 0', async () => {
  const { options, key } = inhabited('healthy');
  const report = await examine([], options);
  assert.deepEqual([report.exitCode, report.healthy], [0, true], JSON.stringify(report.checks));
  assert.deepEqual(
    [...new Set(report.checks.map(({ check }) => check))],
    ['node', 'settings', 'open-files', 'state', 'key', 'leader'],
  );
  assert.match(of(report, 'key').detail, new RegExp(`key ${key.id}, enrolled in the cluster 'lab'`));
  const { stdout, stderr, exitCode } = await run(['doctor'], options);
  assert.deepEqual([exitCode, stderr], [0, '']);
  assert.match(stdout, /^ok {4}node {9}Node 22\.1\.0\nok {4}settings/);
  assert.equal((await run(['doctor'], place('nothing').options)).exitCode, 0);
});

test('files and directories that others may use are named, each with the command that mends it', () => {
  const table: readonly (readonly [string, (state: string) => void, RegExp, RegExp])[] = [
    ['top', (state) => chmodSync(state, 0o777), /others may write in .*state \(mode 777\)/, /^chmod go-w /],
    ['dir', (state) => chmodSync(join(state, 'leader'), 0o750), /leader is open .*750/, /^chmod 700 .*leader$/],
    [
      'key',
      (state) => chmodSync(join(state, 'nodes/w1/device.key'), 0o640),
      /device\.key is open .*640/,
      /^chmod 600 /,
    ],
    ['link', (state) => symlinkSync('/etc/passwd', join(state, 'leader/ca.key')), /ca\.key is a symbolic link/, /Move/],
    [
      'bad',
      (state) => writeFileSync(join(state, 'nodes/w1/device.key'), 'no key'),
      /device\.key: .*not an Ed25519/,
      /token/,
    ],
  ];
  for (const [name, spoil, detail, next] of table) {
    const { state } = inhabited(`mode-${name}`);
    assert.ok(
      checkState({ uid }, state).every(({ level }) => level === 'ok'),
      name,
    );
    spoil(state);
    const [failed, ...others] = checkState({ uid }, state).filter(({ level }) => level === 'fail');
    assert.deepEqual(others, []);
    assert.match(failed?.detail ?? '', detail);
    assert.match(failed?.next ?? '', next);
  }
  const { state } = inhabited('foreign');
  assert.ok(
    checkState({ uid: uid + 1 }, state).some(({ detail }) => /belongs to another user/.test(detail)) || uid === 0,
  );
});

test('versions, open files and clocks are judged', () => {
  const table: readonly (readonly [Finding, Finding['level'], RegExp])[] = [
    [checkNode('20.19.0'), 'ok', /Node 20\.19\.0/],
    [checkNode('20.18.9'), 'fail', /too old/],
    [checkNode('26.0.0'), 'ok', /26/],
    [checkOpenFiles(65_536), 'ok', /up to 65280 connections/],
    [checkOpenFiles(256), 'warn', /up to 0 connections/],
    [checkOpenFiles(undefined), 'warn', /not known/],
    [checkOpenFiles(Number.POSITIVE_INFINITY), 'ok', /no limit/],
    [checkClock(1_000, false), 'ok', /agree within 5 s/],
    [checkClock(-60_000, false), 'warn', /this host's clock is 60 s ahead of the leader's/],
    [checkClock(3_600_000, true), 'fail', /this host's clock is about 3600 s behind the leader's/],
  ];
  for (const [finding, level, detail] of table) {
    assert.equal(finding.level, level, finding.detail);
    assert.match(finding.detail, detail);
    assert.equal(finding.next === undefined, level === 'ok');
  }
});

test('a token is judged as far as that goes without its leader', async () => {
  const { options } = inhabited('token');
  const token = formatToken({
    role: 'operator',
    fingerprint: new Uint8Array(32).fill(7),
    id: 'abcd2345',
    secret: new Uint8Array(20).fill(9),
  });
  const path = join(directory, 'operator-token');
  writeFileSync(path, token, { mode: 0o600 });
  const good = await examine(['--token-file', path], options);
  assert.equal(good.exitCode, 0);
  const told = good.checks.filter(({ check }) => check === 'token').map(({ detail }) => detail);
  assert.match(
    told.join('\n'),
    /abcd2345.* is whole, for an operator, of the authority [a-z2-7]{52}\n.*only its leader knows/,
  );
  assert.ok(!JSON.stringify(good).includes(token.split('-')[5] ?? ''));
  writeFileSync(path, token.replace('abcd2345', 'abcd2346'));
  const typo = await examine(['--token-file', path], options);
  assert.deepEqual([typo.exitCode, typo.healthy, of(typo, 'token').level], [1, false, 'fail']);
  assert.match(of(typo, 'token').detail, /checksum/);
});

test('settings that cannot be read are a finding, not the end', async () => {
  const { options } = inhabited('settings');
  mkdirSync(join(directory, 'settings', 'config'));
  writeFileSync(join(directory, 'settings', 'config', 'config.json'), '{');
  const report = await examine([], options);
  assert.deepEqual([report.exitCode, of(report, 'settings').level], [1, 'fail']);
  assert.match(of(report, 'settings').detail, /not a JSON object/);
});

test('a leader that is not there is told, with what to do', async () => {
  const { options } = inhabited('absent');
  const report = await examine(['--leader', '127.0.0.1:1'], options);
  assert.equal(report.exitCode, 1);
  const { level, detail, next } = of(report, 'leader');
  assert.equal(level, 'fail');
  assert.match(detail, /127\.0\.0\.1:1/);
  assert.ok(next);
});

test('every error code is explained: causes, what to do, whether to try again', async () => {
  assert.deepEqual(Object.keys(EXPLANATIONS).sort(), [...ERROR_CODES].sort());
  for (const code of ERROR_CODES) {
    const { exitCode, stdout, stderr } = await run(['doctor', 'explain', code]);
    assert.deepEqual([exitCode, stderr], [0, '']);
    assert.match(
      stdout,
      new RegExp(
        `^${code}: .+\n\n {2}looks like .+\n {2}the work .+\n {2}again .+\n {2}exit code +\\d+.*\n\nUsual causes:`,
      ),
    );
    assert.match(stdout, /\nUsual causes:\n {2}- .+\n(.*\n)*\nWhat to do:\n {2}- .+\n/);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 150, line);
  }
  const one = JSON.parse((await run(['doctor', 'explain', 'not-allowed', '--json'])).stdout) as Record<string, unknown>;
  assert.deepEqual([one['schema'], one['code'], one['retryable'], one['exitCode']], [1, 'NOT_ALLOWED', false, 77]);
  const all = (await run(['doctor', 'explain'])).stdout.trimEnd().split('\n');
  assert.ok(all.length === ERROR_CODES.length && all.every((line) => isErrorCode(line.split(' ')[0])));
  const typo = await run(['doctor', 'explain', 'NOT_ALOWED']);
  assert.equal(typo.exitCode, 2);
  assert.match(typo.stderr, /Did you mean NOT_ALLOWED\?/);
});
