import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { assertRefused, elsewhere, idOf, invite, secretOf, stop } from './guests.js';
import { type Exit, type LeaderProcess, Sandbox } from './harness.js';

const sandbox = new Sandbox();
let leader: LeaderProcess;
let address: string;

before(async () => {
  leader = await sandbox.lead();
  address = leader.ready.address.replace('wss://', '');
});
after(() => sandbox[Symbol.asyncDispose]());
assertNothingLeft();

describe('what is wrong with a token is said, with what to do', () => {
  const refused = (name: string, token: string, words: readonly string[] = [], env = {}): Promise<Exit> =>
    sandbox.run(['join', address, '--name', name, ...words], {
      env: { ...elsewhere(sandbox, name), NETMGR_TOKEN: token, ...env },
    });

  test('a typo, another cluster, expired, used up, revoked, of another role, none', async () => {
    await using other = new Sandbox();
    await other.lead(['--cluster', 'other']);
    const foreign = (await other.run(['invite', 'create'])).stdout.trim();
    const [expired, used, revoked, operator] = await Promise.all([
      invite(sandbox, '--ttl', '1s'),
      invite(sandbox),
      invite(sandbox),
      invite(sandbox, '--role', 'operator'),
    ]);
    assert.equal((await sandbox.run(['invite', 'revoke', idOf(revoked)])).code, 0);
    const user = await sandbox.join('user', [address], { env: { ...elsewhere(sandbox, 'user'), NETMGR_TOKEN: used } });
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
      assertRefused(exits[index] as Exit, code, message, ...(token === '' ? [] : [secretOf(token)]));
    }
    await stop(user);
  });

  test('a name that another key has, live or gone; a key that was shut out', async () => {
    const token = await invite(sandbox, '--uses', '9');
    const env = { ...elsewhere(sandbox, 'owner'), NETMGR_TOKEN: token };
    const owner = await sandbox.join('owner', [address], { env });
    const thief = await refused('thief', token, ['--name', 'owner']);
    assertRefused(thief, 78, /the leader refuses the name 'owner'.*\n.*--name.*netmgr nodes forget owner/, token);
    await stop(owner);
    assertRefused(await refused('thief', token, ['--name', 'owner']), 78, /the leader refuses the name 'owner'/);
    const back = await sandbox.join('owner', [address], { env: elsewhere(sandbox, 'owner') });
    assert.equal((await sandbox.run(['nodes', 'evict', 'owner'])).code, 0);
    const startedAt = performance.now();
    const end = await back.exit;
    assert.ok(performance.now() - startedAt < 3 * 1000 + 2000, 'the connection ends within a second');
    assert.equal(end.code, 77);
    const shut = await sandbox.run(['join', address, '--name', 'owner'], { env });
    assertRefused(shut, 77, /an operator has removed 'owner' from the cluster\n.*netmgr nodes forget owner/, token);
    assert.equal((await refused('thief', token, ['--name', 'owner'])).code, 78, 'the name stays reserved');
    assert.equal((await sandbox.run(['nodes', 'forget', 'owner'])).code, 0);
    const unknown = await sandbox.run(['join', address, '--name', 'owner'], { env: elsewhere(sandbox, 'owner') });
    assertRefused(unknown, 77, /netmgr: /);
    await stop(await sandbox.join('owner', [address], { env }));
  });

  test('a clock that is an hour wrong; keys that others may read', async () => {
    const token = await invite(sandbox);
    const late = sandbox.file('late.cjs', 'const now = Date.now; Date.now = () => now() - 3600_000;');
    const exit = await refused('late', token, [], { NODE_OPTIONS: `--require=${late}` });
    assertRefused(exit, 77, /valid from .*Z, but this machine's clock says .*Z\n.*clock/, token);
    const env = elsewhere(sandbox, 'open');
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
