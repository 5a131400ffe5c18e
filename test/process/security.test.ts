import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { nameOfHost } from '../../src/cli/join/node-names.js';
import { assertNothingLeft } from '../leaks.js';
import { assertTame, type Exit, jsonLines, type LeaderProcess, type Program, Sandbox } from './harness.js';
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

/** What another host would be: a state directory of its own, with no leader in it. */
const elsewhere = (name: string): { readonly NETMGR_STATE_DIR: string; readonly NETMGR_CONFIG_DIR: string } => ({
  NETMGR_STATE_DIR: sandbox.path(`${name}-state`),
  NETMGR_CONFIG_DIR: sandbox.path(`${name}-config`),
});

async function invite(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await sandbox.run(['invite', 'create', ...words]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^nmtk-1-[cov]-[a-z2-7]{52}-[a-z2-7]{8}-[a-z2-7]{32}-[a-z2-7]{7}\n$/);
  return stdout.trim();
}

const secretOf = (token: string): string => token.split('-')[5] ?? '';
const idOf = (token: string): string => token.split('-')[4] ?? '';
const commandLine = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');

/** Refused with a sentence and what to do next, in a terminal's peace and without a secret. */
function assertRefused(exit: Exit, code: number, message: RegExp, secrets: readonly string[] = []): void {
  assert.match(exit.stderr, message);
  assert.deepEqual([exit.code, exit.stdout], [code, ''], exit.stderr);
  assert.match(exit.stderr, /netmgr: .+\n {2}\S.+\n$/, 'what to do next');
  assertTame(exit.stderr);
  for (const secret of secrets) assert.ok(!exit.stderr.includes(secret), exit.stderr);
}

async function stop(program: Program): Promise<string> {
  program.kill('SIGTERM');
  const { code, stderr } = await program.exit;
  assert.equal(code, 0, stderr);
  return stderr;
}

test('one pasted line joins from another host; the token is gone from the command line, and is needed once', async () => {
  const env = elsewhere('first');
  const token = await invite();
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
  const env = elsewhere('second');
  const taken = await sandbox.join(nameOfHost(hostname()), [address], {
    env: { ...elsewhere('taken'), NETMGR_TOKEN: await invite() },
  });
  const second = sandbox.start(['join', address], { env: { ...env, NETMGR_TOKEN: await invite() } });
  await second.said(/"msg":"joined"/);
  await stop(second);
  const again = sandbox.start(['join', address], { env });
  await again.said(/"msg":"joined"/);
  const { stdout } = await sandbox.run(['status', `${nameOfHost(hostname())}-2`]);
  assert.match(stdout, /status +alive/);
  await Promise.all([stop(again), stop(taken)]);
});

test('a token comes by environment, file or stdin; handlers do not see it, and a file that others may read is told', async () => {
  const token = await invite('--uses', '3');
  const open = sandbox.file('open-token', `${token}\n`);
  chmodSync(open, 0o644);
  const show = sandbox.file('env.mjs', 'export default { env: () => JSON.stringify(process.env) };');
  const [byVariable, byFile, byInput] = await Promise.all([
    sandbox.join('t1', [address, '--handlers', show, '--on', 'script=env'], {
      env: { ...elsewhere('t1'), NETMGR_TOKEN: token },
    }),
    sandbox.join('t2', [address, '--token-file', open], { env: elsewhere('t2') }),
    sandbox.join('t3', [address, '--token-file', '-'], { env: elsewhere('t3'), input: token }),
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

describe('what is wrong with a token is said, with what to do', () => {
  const refused = (name: string, token: string, words: readonly string[] = [], env = {}): Promise<Exit> =>
    sandbox.run(['join', address, '--name', name, ...words], {
      env: { ...elsewhere(name), NETMGR_TOKEN: token, ...env },
    });

  test('a typo, another cluster, expired, used up, revoked, of another role, none', async () => {
    await using other = new Sandbox();
    await other.lead(['--cluster', 'other']);
    const foreign = (await other.run(['invite', 'create'])).stdout.trim();
    const [expired, used, revoked, operator] = await Promise.all([
      invite('--ttl', '1s'),
      invite(),
      invite(),
      invite('--role', 'operator'),
    ]);
    assert.equal((await sandbox.run(['invite', 'revoke', idOf(revoked)])).code, 0);
    const user = await sandbox.join('user', [address], { env: { ...elsewhere('user'), NETMGR_TOKEN: used } });
    const typo = used.slice(0, 75) + (used[75] === 'a' ? 'b' : 'a') + used.slice(76);
    await untilState(expired, 'expired');
    const table: readonly (readonly [string, string, number, RegExp])[] = [
      ['typo', typo, 78, /NETMGR_TOKEN: .*checksum/],
      ['foreign', foreign, 78, /netmgr: .*(authority|cluster|fingerprint)/],
      ['expired', expired, 77, new RegExp(`${idOf(expired)}.*expired`)],
      ['used', used, 77, new RegExp(`${idOf(used)}.*used up`)],
      ['revoked', revoked, 77, new RegExp(`${idOf(revoked)}.*revoked`)],
      ['role', operator, 78, /this token is for an operator, not for a collaborator\n.*config context add/],
      ['none', '', 77, /for the first time, this node needs a token\n.*netmgr invite create/],
    ];
    const exits = await Promise.all(table.map(([name, token]) => refused(name, token)));
    for (const [index, [, token, code, message]] of table.entries()) {
      assertRefused(exits[index] as Exit, code, message, token === '' ? [] : [secretOf(token)]);
    }
    await stop(user);
  });

  test('a name that another key has, live or gone; a key that was shut out', async () => {
    const token = await invite('--uses', '9');
    const env = { ...elsewhere('owner'), NETMGR_TOKEN: token };
    const owner = await sandbox.join('owner', [address], { env });
    const thief = await refused('thief', token, ['--name', 'owner']);
    assertRefused(thief, 78, /the leader refuses the name 'owner'.*\n.*--name.*netmgr nodes forget owner/, [token]);
    await stop(owner);
    assertRefused(await refused('thief', token, ['--name', 'owner']), 78, /the leader refuses the name 'owner'/);
    const back = await sandbox.join('owner', [address], { env: elsewhere('owner') });
    const startedAt = performance.now();
    assert.equal((await sandbox.run(['nodes', 'evict', 'owner'])).code, 0);
    const end = await back.exit;
    assert.ok(performance.now() - startedAt < 3 * 1000 + 2000, 'the connection ends within a second');
    assert.equal(end.code, 77);
    const shut = await sandbox.run(['join', address, '--name', 'owner'], { env });
    assertRefused(shut, 77, /an operator has removed 'owner' from the cluster\n.*netmgr nodes forget owner/, [token]);
    assert.equal((await refused('thief', token, ['--name', 'owner'])).code, 78, 'the name stays reserved');
    assert.equal((await sandbox.run(['nodes', 'forget', 'owner'])).code, 0);
    const unknown = await sandbox.run(['join', address, '--name', 'owner'], { env: elsewhere('owner') });
    assertRefused(unknown, 77, /netmgr: /);
    await stop(await sandbox.join('owner', [address], { env }));
  });

  test('a clock that is an hour wrong; keys that others may read', async () => {
    const token = await invite();
    const late = sandbox.file('late.cjs', 'const now = Date.now; Date.now = () => now() - 3600_000;');
    const exit = await refused('late', token, [], { NODE_OPTIONS: `--require=${late}` });
    assertRefused(exit, 77, /valid from .*Z, but this machine's clock says .*Z\n.*clock/, [token]);
    const env = elsewhere('open');
    await stop(await sandbox.join('open', [address], { env: { ...env, NETMGR_TOKEN: token } }));
    const key = join(env.NETMGR_STATE_DIR, 'nodes', 'open', 'device.key');
    chmodSync(key, 0o644);
    assertRefused(
      await sandbox.run(['join', address, '--name', 'open'], { env }),
      78,
      /device\.key.*644.*\n.*chmod 600/,
    );
    const doctor = await sandbox.run(['doctor'], { env });
    assert.equal(doctor.code, 1);
    assert.match(doctor.stdout, /fail {2}state {8}.*device\.key is open to others \(mode 644\)\n +chmod 600/);
  });
});

async function untilState(token: string, wanted: string): Promise<void> {
  for (;;) {
    const { invites } = JSON.parse((await sandbox.run(['invite', 'ls', '--all', '--json'])).stdout) as {
      invites: { id: string; state: string }[];
    };
    if (invites.find(({ id }) => id === idOf(token))?.state === wanted) return;
  }
}

test('tokens are listed without their secrets, kept in a private file, revoked by id or whole, and rotated', async () => {
  const file = sandbox.path('out-token');
  const made = await sandbox.run(['invite', 'create', '--uses', '2', '--ttl', '2h', '--out', file, '--can-submit']);
  assert.deepEqual([made.code, made.stdout], [0, '']);
  assert.match(made.stderr, /^for 2 collaborators, within 2h; 'netmgr invite revoke [a-z2-7]{8}' takes it back\n/);
  assert.match(made.stderr, new RegExp(`use it with: {2}netmgr join ${address} --token-file .*out-token\n$`));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const token = readFileSync(file, 'utf8').trim();
  const list = await sandbox.run(['invite', 'ls']);
  assert.match(list.stdout, /^ID +ROLE +USED +STATE/);
  assert.match(list.stdout, new RegExp(`${idOf(token)} +collaborator, can submit +0/2 +open +in 1h 59m`));
  assert.ok(!list.stdout.includes(secretOf(token)));
  const json = await sandbox.run(['invite', 'create', '--role', 'observer', '--json']);
  const { schema, role, uses, address: told, token: observer } = JSON.parse(json.stdout) as Record<string, unknown>;
  assert.deepEqual([schema, role, uses, told], [1, 'observer', 1, leader.ready.address]);
  assert.match(json.stderr, /netmgr config context add NAME /);
  const revoked = await sandbox.run(['invite', 'revoke', String(observer), '--json']);
  assert.deepEqual(jsonLines(revoked.stdout), [{ id: idOf(String(observer)), revoked: true }]);
  assert.match(
    (await sandbox.run(['invite', 'revoke', 'aaaaaaaa'])).stderr,
    /there is no join token with the id 'aaaaaaaa'/,
  );
  const rotated = await sandbox.run(['invite', 'rotate']);
  assert.match(rotated.stderr, /^\d+ tokens? (is|are) revoked\n/);
  const open = JSON.parse((await sandbox.run(['invite', 'ls', '--json'])).stdout) as { invites: { id: string }[] };
  assert.deepEqual(
    open.invites.map(({ id }) => id),
    [idOf(rotated.stdout.trim())],
  );
});

test('an operator elsewhere enrols with one command, and so does an observer, who only looks', async () => {
  const env = elsewhere('laptop');
  const netmgr = (...words: string[]) => sandbox.run(words, { env });
  const add = async (role: string, name: string) =>
    netmgr(
      'config',
      'context',
      'add',
      name,
      address,
      '--token-file',
      sandbox.file(`${name}-token`, await invite('--role', role)),
    );
  const added = await add('operator', 'prod');
  assert.deepEqual([added.code, added.stdout], [0, '']);
  const node = /enrolled as operator '([a-z0-9-]+)' with the leader at wss:/.exec(added.stderr)?.[1] ?? '';
  assert.match(added.stderr, /netmgr --context prod status\n$/);
  const [status, several, listed] = await Promise.all([
    netmgr('--context', 'prod', 'status'),
    netmgr('--context', 'prod', 'status', '--json'),
    netmgr('config', 'context', 'ls'),
  ]);
  assert.deepEqual([status.code, several.code], [0, 0], status.stderr + several.stderr);
  assert.match(listed.stdout, new RegExp(`prod {2}${address} {2}as operator ${node}\n`));
  assert.match((await add('observer', 'look')).stderr, /enrolled as observer/);
  assert.equal((await netmgr('--context', 'look', 'status')).code, 0);
  for (const words of [
    ['invite', 'create'],
    ['nodes', 'evict', node],
    ['ca', 'rotate'],
  ]) {
    const exit = await netmgr('--context', 'look', ...words);
    assert.equal(exit.code, 77, words.join(' '));
  }
  const wrong = await add('collaborator', 'wrong');
  assertRefused(wrong, 78, /this token is for collaborators.*\n.*invite create --role operator/);
  assert.equal((await sandbox.run(['nodes', 'evict', node])).code, 0);
  const shut = await netmgr('--context', 'prod', 'status');
  assert.equal(shut.code, 77, shut.stderr);
  const keys = join(env.NETMGR_STATE_DIR, 'contexts', 'look');
  assert.ok(existsSync(join(keys, 'device.key')));
  assert.equal((await netmgr('config', 'context', 'rm', 'look')).code, 0);
  assert.ok(!existsSync(keys));
});

test('doctor tells a leader by its fingerprint, and whether a token fits it', async () => {
  await using other = new Sandbox();
  const stranger = await other.lead();
  const token = sandbox.file('doctor-token', await invite());
  const env = elsewhere('doctor');
  const [fits, differs, unknown, here] = await Promise.all([
    sandbox.run(['doctor', '--leader', address, '--token-file', token], { env }),
    sandbox.run(['doctor', '--leader', stranger.ready.address, '--token-file', token], { env }),
    sandbox.run(['doctor', '--leader', address], { env }),
    sandbox.run(['doctor', '--json']),
  ]);
  assert.equal(fits.code, 0, fits.stdout);
  assert.match(
    fits.stdout,
    /ok {4}leader .*TLS 1\.3\nok {4}certificate .*'default', good for \d+d.*\nok {4}fingerprint .*\nok {4}clock/,
  );
  assert.equal(differs.code, 1);
  assert.match(differs.stdout, /fail {2}fingerprint .*but the leader there shows .*\n.*poses as the leader/);
  assert.match(unknown.stdout, /warn {2}fingerprint .*\n.*netmgr ca show/);
  assert.equal(here.code, 0, here.stdout);
  const { healthy, checks } = JSON.parse(here.stdout) as { healthy: boolean; checks: { check: string }[] };
  assert.equal(healthy, true);
  for (const each of ['session', 'address'])
    assert.ok(
      checks.some(({ check }) => check === each),
      each,
    );
  for (const { stdout, stderr } of [fits, differs])
    assert.doesNotMatch(stdout + stderr, new RegExp(secretOf(readFileSync(token, 'utf8'))));
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
    env: { NETMGR_STATE_DIR: own.path('tls'), NETMGR_TOKEN: await invite() },
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
