import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { nameOfHost } from '../../src/cli/join/node-names.js';
import { assertNothingLeft } from '../leaks.js';
import { commandLine, elsewhere, invite, secretOf, stop } from './guests.js';
import { jsonLines, type LeaderProcess, Sandbox } from './harness.js';
import { noTerminal, onTerminal } from './terminal.js';

const sandbox = new Sandbox();
let leader: LeaderProcess;
let address: string;

before(async () => {
  leader = await sandbox.lead();
  address = leader.ready.address.replace('wss://', '');
});
after(() => sandbox[Symbol.asyncDispose]());
assertNothingLeft();

test('one pasted line joins from another host; the token is gone from the command line, and is needed once', async () => {
  const env = elsewhere(sandbox, 'first');
  const token = await invite(sandbox);
  const show = sandbox.file(
    'show.mjs',
    'export default { seen: () => process.argv.join(" ") + JSON.stringify(process.env) };',
  );
  const words = ['--on', 'env=env', '--handlers', show];
  const joined = await sandbox.join('first', [address, '--token', token, ...words], { env });
  assert.match(commandLine(joined.pid), /join .* --token \[erased\] --on env=env/);
  assert.doesNotMatch(commandLine(joined.pid), /nmtk/);
  assert.match(joined.stderr, /The token is erased from the command line now.*--token-file FILE.*NETMGR_TOKEN/);
  assert.doesNotMatch((await sandbox.run(['call', 'seen'])).stdout, /nmtk/);
  const said = await stop(joined);
  assert.ok(!said.includes(secretOf(token)));
  const again = await sandbox.join('first', [address], { env });
  assert.doesNotMatch(again.stderr, /nmtk|token/);
  assert.match((await sandbox.run(['nodes', 'show', 'first'])).stdout, /status +alive\n[\s\S]*\nkey +[a-z2-7]{10}\n/);
  await stop(again);
  const stored = readdirSync(env.NETMGR_STATE_DIR, { recursive: true, encoding: 'utf8', withFileTypes: true });
  for (const entry of stored.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    assert.equal(statSync(path).mode & 0o777, 0o600, path);
    assert.ok(!readFileSync(path, 'latin1').includes(secretOf(token)), path);
  }
});

test('a node whose host name was taken comes back under the name that it got', async () => {
  const env = elsewhere(sandbox, 'second');
  const taken = await sandbox.join(nameOfHost(hostname()), [address], {
    env: { ...elsewhere(sandbox, 'taken'), NETMGR_TOKEN: await invite(sandbox) },
  });
  const second = sandbox.start(['join', address], { env: { ...env, NETMGR_TOKEN: await invite(sandbox) } });
  await second.said(/"msg":"joined"/);
  await stop(second);
  const again = sandbox.start(['join', address], { env });
  await again.said(/"msg":"joined"/);
  const { stdout } = await sandbox.run(['status', `${nameOfHost(hostname())}-2`]);
  assert.match(stdout, /status +alive/);
  await Promise.all([stop(again), stop(taken)]);
});

test('a token comes by environment, file or stdin; handlers do not see it, and a file that others may read is told', async () => {
  const token = await invite(sandbox, '--uses', '3');
  const open = sandbox.file('open-token', `${token}\n`);
  chmodSync(open, 0o644);
  const show = sandbox.file('env.mjs', 'export default { env: () => JSON.stringify(process.env) };');
  const [byVariable, byFile, byInput] = await Promise.all([
    sandbox.join('t1', [address, '--handlers', show, '--on', 'script=env'], {
      env: { ...elsewhere(sandbox, 't1'), NETMGR_TOKEN: token },
    }),
    sandbox.join('t2', [address, '--token-file', open], { env: elsewhere(sandbox, 't2') }),
    sandbox.join('t3', [address, '--token-file', '-'], { env: elsewhere(sandbox, 't3'), input: token }),
  ]);
  for (const type of ['env', 'script']) {
    const { code, stdout } = await sandbox.run(['call', type]);
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /nmtk|NETMGR_TOKEN/);
  }
  assert.doesNotMatch(byVariable.stderr, /warning|erased/);
  assert.match(
    byFile.stderr,
    /warning: others on this host may read the token in .*open-token \(mode 644\): chmod 600/,
  );
  await Promise.all([byVariable, byFile, byInput].map(stop));
});

test('certificates that are deleted under way, and an authority that is replaced, are noticed by nobody who is in', async () => {
  await using own = new Sandbox();
  const { ready, program } = await own.lead();
  const env = { NETMGR_STATE_DIR: own.path('away') };
  const token = (await own.run(['invite', 'create', '--uses', '5'])).stdout.trim();
  const worker = await own.join('w1', [ready.address, '--on', 'up=tr a-z A-Z'], {
    env: { ...env, NETMGR_TOKEN: token },
  });
  for (const name of readdirSync(join(own.state, 'leader'))) {
    if (name.startsWith('leaf')) rmSync(join(own.state, 'leader', name));
  }
  await stop(await own.join('w2', [ready.address], { env: { ...env, NETMGR_TOKEN: token } }));
  const before = await own.run(['ca', 'show', '--json']);
  const { fingerprint } = JSON.parse(before.stdout) as { fingerprint: string };
  assert.equal(fingerprint, ready.fingerprint);
  const rotated = await own.run(['ca', 'rotate']);
  assert.match(rotated.stdout, /^[a-z2-7]{52}\n$/);
  assert.match(rotated.stderr, /1 join token is revoked/);
  assert.match((await own.run(['ca', 'show'])).stdout, new RegExp(`^fingerprint +${rotated.stdout}`));
  assert.equal((await own.run(['call', 'up', 'still here'])).stdout, 'STILL HERE\n');
  assert.doesNotMatch(worker.stderr, /lost the leader/);
  const late = await own.run(['join', ready.address, '--name', 'w3'], { env: { ...env, NETMGR_TOKEN: token } });
  assert.ok(late.code === 77 || late.code === 78, late.stderr);
  await stop(worker);
  await stop(await own.join('w1', [ready.address], { env }));
  await stop(program);
});

test('on all interfaces a leader advertises an address that others reach; this host joins it without a token', async () => {
  await using own = new Sandbox();
  const { ready, program } = await own.lead(['--bind', ':0']);
  const { hostname, port } = new URL(ready.address);
  assert.doesNotMatch(hostname, /^(0\.0\.0\.0|\[::\]|127\..*)$/);
  assert.match(program.stderr, new RegExp(`listens on ${ready.address.replaceAll(/[[\]]/g, '\\$&')}\n`));
  const [silent, named] = await Promise.all([own.join('w1'), own.join('w2', [`127.0.0.1:${port}`])]);
  for (const { stderr } of [silent, named])
    assert.deepEqual(
      jsonLines(stderr).map(({ msg }) => msg),
      ['enrolled', 'joined'],
    );
  const status = JSON.parse((await own.run(['status', '--json'])).stdout) as { leader: { address: string } };
  assert.equal(status.leader.address, ready.address);
});

test('plaintext is for this host only, and says loudly what it is', async () => {
  await using own = new Sandbox();
  const { ready, program } = await own.lead(['--plaintext']);
  assert.match(ready.address, /^ws:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(ready.fingerprint, null);
  assert.match(program.stderr, /PLAINTEXT: nothing is encrypted/);
  await own.join('w1', ['--on', 'up=tr a-z A-Z']);
  await own.join('w2', [ready.address], { env: { NETMGR_STATE_DIR: own.path('other') } });
  assert.equal((await own.run(['call', 'up', 'x'])).stdout, 'X\n');
  const tls = await own.run(['join', ready.address.replace('ws:', 'wss:'), '--retry-for', '1s'], {
    env: { NETMGR_STATE_DIR: own.path('tls'), NETMGR_TOKEN: await invite(sandbox) },
  });
  assert.ok(tls.code === 69 || tls.code === 78, tls.stderr);
  assert.equal((await own.run(['invite', 'create'])).code, 77);
});

describe('on a terminal', { skip: noTerminal }, () => {
  test('a leader shows the line to paste; a node asks for the token, and does not show it', async () => {
    await using own = new Sandbox();
    const file = own.path('ready.json');
    const screen = { through: onTerminal(own, 200), env: { TERM: 'xterm' }, input: 'open' as const };
    const lead = own.start(['lead', '--bind', '127.0.0.1:0', '--ready-file', file], screen);
    const [line = ''] = await lead.said(/netmgr join 127\.0\.0\.1:\d+ --token nmtk-1-c-\S+/, 'stdout');
    await lead.said(/The token is good for 100 collaborators and 1d/, 'stdout');
    const [, , at = '', , token = ''] = line.split(' ');
    const pasted = own.start(['join', at, '--name', 'w1'], {
      ...screen,
      env: { TERM: 'xterm', NETMGR_STATE_DIR: own.path('away') },
    });
    await pasted.said(/Join token for wss:.* \(it is not shown\): /, 'stdout');
    pasted.child.stdin?.write(`${token}\r`);
    await pasted.said(/INFO.*joined/, 'stdout');
    assert.ok(!pasted.stdout.includes(token) && !pasted.stdout.includes(secretOf(token)));
    pasted.child.stdin?.write('\x03');
    assert.equal((await pasted.exit).code, 0);
    assert.doesNotMatch(readFileSync(file, 'utf8'), /nmtk/);
    lead.child.stdin?.write('\x03');
    assert.equal((await lead.exit).code, 0);
  });
});
