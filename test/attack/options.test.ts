import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { NetworkError } from '../../src/base/errors.js';
import { connectOperator, createCollaborator, createLeader } from '../../src/index.js';
import { assertNothingLeft } from '../leaks.js';
import { Arena } from './arena.js';

assertNothingLeft();

const folder = await mkdtemp(join(tmpdir(), 'netmgr-'));
after(() => rm(folder, { recursive: true }));

const refusal = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof NetworkError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, text);
  return true;
};

/** Whatever is made by mistake is stopped, so that a failing test ends. */
async function rejects(made: Promise<{ stop(): Promise<void> }>, check: (error: unknown) => boolean): Promise<void> {
  made.then((node) => node.stop()).catch(() => {});
  await assert.rejects(made, check);
}

test('an address that does not parse is shown with the forms that do', async () => {
  for (const leader of ['', 'http://x', 'host:0', 'host:65536', 'a b', 'ws://[::zz]:1', 'unix:relative', 'host:port']) {
    const check = refusal('INVALID_OPTION', /^address ".*" is not valid/);
    await rejects(createCollaborator({ leader, name: 'w1', retry: false }), check);
    await rejects(connectOperator({ address: leader }), check);
  }
  const address = 'x'.repeat(1_000_000);
  await rejects(connectOperator({ address }), (error) => (error as Error).message.length < 300);
});

test('names and options that break a rule are refused by name', async () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ name: 'No Capitals' }, /^name: "No Capitals" is not a name/],
    [{ name: 'x'.repeat(1_000_000) }, /^name: "x{70,80}/],
    [{ name: 'bell\u0007' }, /^name: "bell\\u0007" is not a name/],
    [{ name: '' }, /^name: "" is not a name/],
    [{ cluster: 'two words' }, /^cluster: "two words" is not a name/],
    [{ listen: { port: 70_000 } }, /listen\[0\]\.port must be an integer from 0 to 65535, not 70000/],
    [{ listen: { port: 1.5 } }, /listen\[0\]\.port must be an integer/],
    [{ limits: { maxDepth: 0 } }, /limits\.maxDepth must be a positive integer, not 0/],
    [{ limits: { maxFrameBytes: 2 ** 30 } }, /limits\.maxFrameBytes must be at most 16 MiB/],
    [{ limits: { stallMs: Number.NaN } }, /limits\.stallMs must be a positive integer/],
    [{ socketPath: 'relative.sock' }, /path must be absolute/],
    [{ listen: { host: '0.0.0.0', port: 0 } }, /^plaintext: 0\.0\.0\.0 is not a loopback address/],
  ];
  for (const [options, text] of cases) {
    await rejects(createLeader({ listen: { port: 0 }, plaintext: true, ...options }), refusal('INVALID_OPTION', text));
  }
});

test('a port in use is told, and its owner is not disturbed', async () => {
  await using arena = await Arena.open();
  const check = refusal('ADDRESS_IN_USE', new RegExp(`another program listens on 127\\.0\\.0\\.1:${arena.port}`));
  await rejects(createLeader({ listen: { port: arena.port }, plaintext: true }), check);
  await arena.assertHonestServed();
});

test('a stale socket is taken over, a live one, a file and an over-long path are not', async () => {
  const path = join(folder, 'leader.sock');
  leaveStaleSocket(path);
  const leader = await createLeader({ listen: { port: 0 }, plaintext: true, socketPath: path });
  const operator = await connectOperator({ address: `unix:${path}` });
  await rejects(
    createLeader({ listen: { port: 0 }, plaintext: true, socketPath: path }),
    refusal('ADDRESS_IN_USE', /another process/),
  );
  assert.equal((await operator.status()).leader.node, 'leader');
  await operator.stop();
  await leader.stop();
  const file = join(folder, 'file');
  await writeFile(file, 'precious');
  await rejects(
    createLeader({ listen: { port: 0 }, plaintext: true, socketPath: file }),
    refusal('ADDRESS_IN_USE', /is a file/),
  );
  const long = join(folder, 'x'.repeat(120));
  await rejects(
    createLeader({ listen: { port: 0 }, plaintext: true, socketPath: long }),
    refusal('INVALID_OPTION', /at most 107/),
  );
});

test('a leader that is not there is named, by port and by socket', async () => {
  const arena = await Arena.open();
  const { port } = arena;
  await arena[Symbol.asyncDispose]();
  const nobody = refusal('CONNECTION_FAILED', new RegExp(`127\\.0\\.0\\.1:${port}.*nobody listens there`));
  await rejects(createCollaborator({ leader: `ws://127.0.0.1:${port}`, name: 'w1', retry: false }), nobody);
  const absent = refusal('CONNECTION_FAILED', /absent\.sock.*does not exist/);
  await rejects(connectOperator({ address: `unix:${join(folder, 'absent.sock')}` }), absent);
});

test('a server that is no netmgr leader is told from one that is not there', async () => {
  const server = createServer((socket) => void socket.resume().end('220 mail.example ESMTP\r\n'));
  const port = await listening(server);
  const check = refusal('CONNECTION_FAILED', new RegExp(`127\\.0\\.0\\.1:${port}`));
  await rejects(createCollaborator({ leader: `ws://127.0.0.1:${port}`, name: 'w1', retry: false }), check);
  await new Promise((resolve) => server.close(resolve));
});

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
}

/** What a killed process leaves: a socket file on which nobody listens. */
function leaveStaleSocket(path: string): void {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
}
