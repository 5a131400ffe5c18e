import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { NODE_NAME } from '../../src/base/names.js';
import type { Environment } from '../../src/cli/environment.js';
import { nameOfHost, nodeNames } from '../../src/cli/join/node-names.js';
import { lockOwner, takeLock } from '../../src/cli/lock.js';
import { leaderSocket, nodeSocket, settingsDirectory, stateDirectory } from '../../src/cli/paths.js';
import { makePrivateDirectory } from '../../src/cli/private-directory.js';
import { assertNothingLeft } from '../leaks.js';
import { fakeEnvironment } from './fake-environment.js';

assertNothingLeft();
const directory = mkdtempSync(join(tmpdir(), 'netmgr-state-'));
after(() => rmSync(directory, { recursive: true }));

function fresh(name: string): string {
  const path = join(directory, name);
  makePrivateDirectory({ uid: process.getuid?.() }, path);
  return path;
}

test('a directory has one owner, who is named; it is free again after its release', () => {
  const path = fresh('one');
  const first = takeLock(path, process.pid);
  assert.ok('lock' in first && first.lock.held());
  const second = takeLock(path, process.pid);
  assert.deepEqual('owner' in second && second.owner.pid, process.pid);
  assert.equal(lockOwner(path)?.pid, process.pid);
  first.lock.release();
  first.lock.release();
  assert.equal(lockOwner(path), undefined);
  assert.ok('lock' in takeLock(path, process.pid));
  assert.deepEqual(readdirSync(path), ['lock']);
  assert.equal(statSync(join(path, 'lock')).mode & 0o777, 0o600);
});

test('the lock of a process that is gone, or of an earlier one with the same number, is taken over', () => {
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const table = [JSON.stringify({ pid: gone, started: '1' }), '', 'nonsense', '{"pid":-1}', '{"pid":"1"}', 'null'];
  // Process numbers come around: the same pid with another start is another process.
  if (existsSync('/proc/self/stat')) table.push(JSON.stringify({ pid: process.pid, started: '1' }));
  for (const [index, text] of table.entries()) {
    const path = fresh(`stale-${index}`);
    writeFileSync(join(path, 'lock'), text);
    assert.equal(lockOwner(path), undefined, text);
    const outcome = takeLock(path, process.pid);
    assert.ok('lock' in outcome && outcome.lock.held(), text);
  }
});

test('a lock that another took is not released', () => {
  const path = fresh('stolen');
  const mine = takeLock(path, process.pid);
  assert.ok('lock' in mine);
  const other = JSON.stringify({ pid: process.ppid, started: null });
  writeFileSync(join(path, 'lock'), other);
  assert.equal(mine.lock.held(), false);
  mine.lock.release();
  assert.equal(lockOwner(path)?.pid, process.ppid);
});

const withHome = (platform: NodeJS.Platform, variables: Record<string, string>): Environment => ({
  ...fakeEnvironment({ variables, home: '/home/u' }).environment,
  platform,
});

test('state and settings are where the platform wants them', () => {
  const linux = withHome('linux', {});
  assert.equal(stateDirectory(linux, undefined, 'lab'), '/home/u/.local/state/netmgr/lab');
  assert.equal(stateDirectory(linux, '/s', 'lab'), '/s');
  assert.equal(stateDirectory(withHome('linux', { XDG_STATE_HOME: '/x' }), undefined, 'lab'), '/x/netmgr/lab');
  assert.equal(settingsDirectory(linux, undefined), '/home/u/.config/netmgr');
  assert.equal(settingsDirectory(withHome('linux', { XDG_CONFIG_HOME: '/x' }), undefined), '/x/netmgr');
  assert.equal(
    stateDirectory(withHome('darwin', {}), undefined, 'lab'),
    '/home/u/Library/Application Support/netmgr/lab',
  );
  assert.match(leaderSocket(withHome('win32', {}), 'C:\\s'), /^\\\\\.\\pipe\\netmgr-[0-9a-f]{20}$/);
});

test('a socket path that is too long becomes a short one, the same for everybody', () => {
  const environment = withHome('linux', { XDG_RUNTIME_DIR: '/run/user/1000' });
  assert.equal(leaderSocket(environment, '/s'), '/s/leader/leader.sock');
  assert.equal(nodeSocket(environment, '/s', 'w1'), '/s/nodes/w1/node.sock');
  const fits = `/${'d'.repeat(107 - '/leader/leader.sock'.length - 1)}`;
  assert.equal(Buffer.byteLength(leaderSocket(environment, fits)), 107);
  assert.ok(leaderSocket(environment, fits).startsWith(fits));
  const long = leaderSocket(environment, `${fits}d`);
  assert.match(long, /^\/run\/user\/1000\/netmgr\/[0-9a-f]{20}\.sock$/);
  assert.equal(leaderSocket(environment, `${fits}d`), long);
  assert.notEqual(leaderSocket(environment, `${fits}e`), long);
  const without = leaderSocket(withHome('linux', {}), `/${'ü'.repeat(60)}`);
  assert.match(without, /^\/tmp\/netmgr-1000\/[0-9a-f]{20}\.sock$/);
});

test('directories are private', () => {
  assert.equal(statSync(fresh('deep/er')).mode & 0o777, 0o700);
  writeFileSync(join(directory, 'file'), '');
  assert.throws(() => makePrivateDirectory({ uid: undefined }, join(directory, 'file', 'x')), { exitCode: 78 });
});

test('a node is named after its host', () => {
  const table: readonly (readonly [string, string])[] = [
    ['Build_Host', 'build_host'],
    ['Böse Kiste', 'b-se-kiste'],
    ['--x', 'x'],
    ['', 'node'],
    ['\x1b[31m', '31m'],
    ['a'.repeat(100), 'a'.repeat(59)],
  ];
  for (const [host, name] of table) {
    assert.equal(nameOfHost(host), name);
    for (const candidate of [...nodeNames(undefined, host).candidates].slice(0, 1000))
      assert.match(candidate, NODE_NAME);
  }
  assert.deepEqual([...nodeNames(undefined, 'h').candidates].slice(0, 3), ['h', 'h-2', 'h-3']);
  assert.deepEqual([...nodeNames('w1', 'h').candidates], ['w1']);
});
