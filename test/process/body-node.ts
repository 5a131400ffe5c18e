/** One node of a cluster over TLS, told over IPC what it is and what to do. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createCollaborator, createLeader, handle } from '../../src/index.js';

export interface NodeOrder {
  readonly leader: string;
  readonly token: string;
}

export interface SendOrder {
  readonly send: number;
}

const MIB = 1024 * 1024;
const say = (words: object): void => void process.send?.(words);

/** Bytes that depend on where they are. */
async function* noise(size: number, offset: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = offset; at < size; ) {
    const piece = new Uint32Array(64 * 1024);
    piece.fill(Math.imul(at + 1, 2_654_435_761) >>> 0);
    piece[7] = at;
    const bytes = new Uint8Array(piece.buffer, 0, Math.min(piece.byteLength, size - at));
    yield bytes;
    at += bytes.length;
  }
}

async function lead(): Promise<void> {
  const leader = await createLeader({ listen: { port: 0 } });
  const { token } = await leader.security.invites.create({ role: 'collaborator', uses: 2, maySubmit: true });
  say({ leader: leader.address, token });
  process.on('message', () => {
    const { maxRSS } = process.resourceUsage();
    say({ rss: process.memoryUsage.rss() / MIB, peak: maxRSS / 1024 });
  });
}

async function take({ leader, token }: NodeOrder): Promise<void> {
  const store = handle('store', {}, async (_payload, { body }) => {
    const hash = createHash('sha256');
    for await (const piece of body ?? []) hash.update(piece);
    return hash.digest('hex');
  });
  await createCollaborator({ leader, token, name: 'taker', codec: 'msgpack', handlers: [store] });
  say({ joined: true });
}

async function give({ leader, token }: NodeOrder): Promise<void> {
  const node = await createCollaborator({ leader, token, name: 'giver', codec: 'msgpack' });
  say({ joined: true });
  process.on('message', async ({ send }: SendOrder) => {
    const hash = createHash('sha256');
    const body = { size: send, read: (offset: number) => noise(send, offset) };
    for await (const piece of body.read(0)) hash.update(piece);
    const startedAt = performance.now();
    const answer = await node.request('store', undefined, { to: 'taker', body, timeoutMs: 30_000 });
    say({ ms: performance.now() - startedAt, isRight: answer === hash.digest('hex') });
  });
}

const [, , role] = process.argv;
// biome-ignore lint/nursery/noProcessExit: it has nothing to finish, and its nodes would go on for ever
process.on('disconnect', () => process.exit());
if (role === 'leader') await lead();
else {
  const [order] = await once(process, 'message');
  await (role === 'taker' ? take(order as NodeOrder) : give(order as NodeOrder));
}
