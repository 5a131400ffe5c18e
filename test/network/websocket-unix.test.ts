import assert from 'node:assert/strict';
import { link, lstat, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LoopbackAuthenticator } from '../../src/network/loopback-authenticator.js';
import { SocketAuthenticator } from '../../src/network/socket-authenticator.js';
import { assertNothingLeft } from '../leaks.js';
import { type Node, Nodes, until } from './websocket-nodes.js';

assertNothingLeft();

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'netmgr-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const listenOn = (path: string) => [
  { name: 'tcp', host: '127.0.0.1', port: 0, authenticator: new LoopbackAuthenticator() },
  { name: 'local', path, authenticator: new SocketAuthenticator() },
];

const refusedWith = async (node: Node, code: string, message: RegExp): Promise<void> => {
  await assert.rejects(node.network.start(), (error: Error & { code: string }) => {
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
  assert.equal(node.clock.pending, 0);
};

test('a UNIX socket that only its user can open, beside a TCP port', async () => {
  await withFolder(async (folder) => {
    await using nodes = new Nodes();
    const path = join(folder, 'state of mine', 'leader:1.sock');
    const leader = await nodes.leader({ listen: listenOn(path) });
    assert.deepEqual(leader.network.boundAddresses.get('local'), { path });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(folder, 'state of mine'))).mode & 0o777, 0o700);
    const operator = await nodes.dialler('cli', `unix:${path}`, { wiring: { role: 'operator' } });
    await until(() => leader.network.peers.has('cli'), 'the operator');
    assert.equal(leader.network.peers.get('cli')?.address, 'unix');
    assert.equal(leader.network.peers.get('cli')?.listener, 'local');
    assert.equal(leader.network.peers.get('cli')?.role, 'operator');
    const member = await nodes.member('worker-1', leader);
    operator.send({ to: 'leader', payload: 1 });
    member.send({ payload: 2 });
    await until(() => leader.received.length === 2, 'both messages');
    await leader.network.stop();
    await assert.rejects(lstat(path), { code: 'ENOENT' });
  });
});

test('a socket that nobody answers is replaced, one that somebody does is not', async () => {
  await withFolder(async (folder) => {
    await using nodes = new Nodes();
    const path = join(folder, 's');
    // A process that was killed leaves its socket behind: a bound file with no listener.
    const killed = createServer();
    await new Promise<void>((resolve) => killed.listen(`${path}.old`, resolve));
    await link(`${path}.old`, path);
    await new Promise((resolve) => killed.close(resolve));
    assert.equal((await lstat(path)).isSocket(), true);
    const leader = await nodes.leader({ listen: listenOn(path) });
    const second = nodes.node('second', { listen: listenOn(path) });
    await refusedWith(second, 'ADDRESS_IN_USE', /another process listens on .*\/s$/);
    await nodes.dialler('cli', `unix:${path}`, { wiring: { role: 'operator' } });
    await until(() => leader.network.peers.has('cli'), 'the first to listen still');
  });
});

test('files, folders and links in the place of the socket are left alone', async () => {
  await withFolder(async (folder) => {
    await using nodes = new Nodes();
    await writeFile(join(folder, 'file'), 'precious');
    await mkdir(join(folder, 'folder'));
    await symlink(join(folder, 'nowhere'), join(folder, 'link'));
    for (const [name, kind] of [
      ['file', /is a file/],
      ['folder', /not a socket/],
      ['link', /symbolic link/],
    ] as const) {
      await refusedWith(nodes.node('leader', { listen: listenOn(join(folder, name)) }), 'ADDRESS_IN_USE', kind);
    }
    assert.equal((await stat(join(folder, 'file'))).size, 8);
    assert.equal((await lstat(join(folder, 'link'))).isSymbolicLink(), true);
  });
});

test('a path that the operating system would cut off is refused with its length and the limit', async () => {
  await withFolder(async (folder) => {
    await using nodes = new Nodes();
    const longest = `${folder}/`.padEnd(107, 'x');
    await nodes.node('leader', { listen: listenOn(longest) }).network.start();
    assert.equal((await lstat(longest)).isSocket(), true);
    const tooLong = `${folder}/`.padEnd(108, 'y');
    await refusedWith(nodes.node('second', { listen: listenOn(tooLong) }), 'INVALID_OPTION', /108 bytes.*107/);
  });
});

test('a socket that does not exist is told as such', async () => {
  await using nodes = new Nodes();
  const node = nodes.node('cli', { dial: { address: 'unix:/nonexistent/s', retry: false } });
  await node.network.start();
  await until(() => node.seen('refused').length === 1, 'the refusal');
  assert.match(node.seen('refused')[0]?.error.message ?? '', /unix:\/nonexistent\/s: the socket does not exist/);
});
