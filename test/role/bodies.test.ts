import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { sleep } from '../../src/base/clock.js';
import { NetworkError } from '../../src/base/errors.js';
import { type Handler, handle } from '../../src/manager/handler.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import type { Network } from '../../src/network/network.js';
import type { ByteStream } from '../../src/network/streams/byte-stream.js';
import { assertNothingLeft } from '../leaks.js';
import { bytesOf, collect, pieces, rereadable, sha256 } from '../network/streams/material.js';
import { Puppet } from './puppet.js';
import { Stage } from './stage.js';

assertNothingLeft();

const MIB = 1024 * 1024;
const WINDOW = 960 * 1024;
const BYTES = bytesOf(3 * MIB);

const store = (runs: string[] = []): Handler =>
  handle('store', {}, async (payload, { body, node }) => {
    runs.push(node);
    const bytes = await collect(body);
    return { payload, node, size: body?.size ?? null, sha256: sha256(bytes) };
  });

const stored = (node: string, size: number | null = BYTES.length, payload: unknown = 'name') => ({
  payload,
  node,
  size,
  sha256: sha256(BYTES),
});

describe('a body in a cluster', () => {
  it('goes from every role to a node, to the leader, and to whichever node is best', async () => {
    await using stage = new Stage();
    const leader = await stage.leader({ handlers: [store()] });
    await stage.collaborator('w1', [store()]);
    const asker = await stage.collaborator('w2');
    const operator = await stage.operator();
    const body = BYTES;
    assert.deepEqual(await stage.until(leader.request('store', 'name', { to: 'w1', body })), stored('w1'));
    assert.deepEqual(
      await stage.until(leader.request('store', 'name', { body: pieces(BYTES, 99_999) })),
      stored('w1', null),
    );
    assert.deepEqual(await stage.until(asker.request('store', 'name', { body })), stored('leader'));
    assert.deepEqual(await stage.until(asker.request('store', 'name', { to: 'w1', body })), stored('w1'));
    const best = asker.request('store', 'name', { to: '?', body: pieces(BYTES, 70_000) });
    assert.deepEqual(await stage.until(best), stored('w1', null));
    const { node, payload } = await stage.until(operator.call('store', 'name', { body }));
    assert.deepEqual([node, payload], ['w1', stored('w1')]);
    const told: number[] = [];
    const onProgress = ({ acknowledgedBytes }: { readonly acknowledgedBytes: number }) => told.push(acknowledgedBytes);
    await stage.until(operator.call('store', 'name', { to: 'w1', body, onProgress }));
    assert.equal(told.at(-1), BYTES.length);
    assert.equal(leader.status().leader.counters['relaysRefused'], 0);
  });

  it('is closed when nobody is asked', async () => {
    await using stage = new Stage();
    const leader = await stage.leader();
    const operator = await stage.operator();
    const readables: Readable[] = [];
    const body = (): Readable => {
      const one = Readable.from(pieces(BYTES, 70_000));
      readables.push(one);
      return one;
    };
    for (const ask of [
      () => leader.request('store', 'name', { body: body() }),
      () => leader.request('store', 'name', { to: 'op', body: body() }),
      () => leader.request('store', 'name', { to: 'nobody', body: body() }),
      () => leader.request('', 'name', { body: body() }),
      () => operator.call('', 'name', { body: body() }),
    ]) {
      await assert.rejects(stage.until(ask()));
    }
    assert.deepEqual(
      readables.map(({ destroyed }) => destroyed),
      readables.map(() => true),
    );
  });

  it('is sent as far as its handler reads, and the leader holds no more than a window of it', async () => {
    await using stage = new Stage();
    const leader = await stage.leader();
    let read = 0;
    let taken = 0;
    const slow = handle('store', {}, async (_payload, { body }) => {
      for await (const piece of body as ByteStream) {
        taken += piece.length;
        await sleep(stage.clock, 1000);
      }
      return taken;
    });
    await stage.collaborator('w1', [slow]);
    const asker = await stage.collaborator('w2');
    const source = {
      async *read() {
        for (let i = 0; i < 50; i += 1) {
          read += 100_000;
          yield bytesOf(100_000);
        }
      },
    };
    const asked = asker.request('store', undefined, { to: 'w1', body: source, timeoutMs: 5000 });
    for (let i = 0; i < 20; i += 1) {
      await stage.clock.advance(1000);
      assert.ok(read - taken <= MIB + 300_000, `${read} bytes were read, ${taken} taken`);
    }
    await assert.rejects(stage.until(leader.request('store', undefined, { to: 'w2' })), { code: 'NO_HANDLER' });
    assert.equal(await stage.until(asked, 120_000), 5_000_000);
  });

  it('ends at both ends with whoever gives up', async () => {
    await using stage = new Stage();
    await stage.leader();
    const ends: string[] = [];
    let open = 0;
    const taker = handle('store', {}, async (what, { body, signal }) => {
      signal.addEventListener('abort', () => ends.push(`signal ${(signal.reason as NetworkError).code}`));
      try {
        for await (const _piece of body as ByteStream) {
          if (what === 'enough') return 'enough';
          if (what === 'cancel') (body as ByteStream).cancel('no more');
          if (what === 'throw') throw new Error('no good');
          await sleep(stage.clock, 50, signal);
        }
      } catch (error) {
        ends.push(String((error as NetworkError).code ?? (error as Error).message));
        throw error;
      }
      return 'all';
    });
    await stage.collaborator('w1', [taker]);
    const asker = await stage.collaborator('w2');
    async function* source(breaks: boolean): AsyncGenerator<Uint8Array> {
      open += 1;
      try {
        for (let i = 0; i < 100; i += 1) {
          if (breaks && i === 50) throw new Error('the disk is on fire');
          yield bytesOf(50_000);
        }
      } finally {
        open -= 1;
      }
    }
    const ask = (what: string, options = {}) =>
      stage.until(asker.request('store', what, { to: 'w1', body: source(what === 'break'), ...options }));
    assert.equal(await ask('enough'), 'enough');
    await assert.rejects(ask('throw'), { code: 'HANDLER_FAILED', message: 'no good' });
    await assert.rejects(ask('cancel'), { code: 'CANCELLED', message: 'no more' });
    await assert.rejects(ask('break'), { code: 'IO', message: /the disk is on fire/ });
    const abort = new AbortController();
    stage.clock.setTimer(500, () => abort.abort());
    await assert.rejects(ask('all', { signal: abort.signal }), { code: 'CANCELLED' });
    await stage.clock.advance(100);
    assert.equal(open, 0);
    assert.deepEqual(
      ends.filter((end) => end.startsWith('signal')),
      ['signal CANCELLED', 'signal CANCELLED'],
    );
    assert.deepEqual(
      ends.filter((end) => !end.startsWith('signal')),
      ['no good', 'CANCELLED', 'CANCELLED', 'CANCELLED'],
    );
  });

  it('goes on where it was when the asker, or the node that takes it, loses its connection to the leader', async () => {
    await using stage = new Stage();
    stage.hub.setFaults({ bytesPerSecond: MIB });
    let network: Network | undefined;
    await stage.leader({
      network: (wiring) => {
        network = stage.hub.factory({ listen: true })(wiring);
        return network;
      },
    });
    const runs: string[] = [];
    await stage.collaborator('w1', [store(runs)]);
    const asker = await stage.collaborator('w2');
    for (const node of ['w2', 'w1']) {
      const from: number[] = [];
      const body = rereadable(BYTES, [100_000], from);
      const asked = asker.request('store', 'name', { to: 'w1', body, timeoutMs: 20_000 });
      await stage.clock.advance(1500);
      network?.disconnect(node, new NetworkError('CLOSED', 'cut by the test'));
      assert.deepEqual(await stage.until(asked, 120_000), stored('w1'));
      assert.ok(from.length >= 2 && (from.at(-1) as number) > 0, `${from}`);
    }
    assert.deepEqual(runs, ['w1', 'w1']);
  });

  it('is let go on when its asker tries anew, with the same id, while the try before is still on its way', async () => {
    await using stage = new Stage();
    await stage.leader();
    const runs: string[] = [];
    await stage.collaborator('w1', [store(runs)]);
    const puppet = await Puppet.join(stage, 'puppet');
    const say = async (draft: Parameters<Puppet['say']>[0]) => {
      puppet.say(draft);
      await stage.clock.advance(20);
    };
    const bytes = bytesOf(1000);
    const chunk = (from: number, to: number) => {
      const data = bytes.subarray(from, to);
      const payload = { offset: from, crc: crc32(data), data };
      return say({ kind: 'control', type: 'body-chunk', re: 'r-1', payload });
    };
    const body = { size: 1000, resumable: true };
    const announce = () => say({ id: 'r-1', kind: 'request', type: 'store', to: 'w1', ttl: 5000, body });
    await announce();
    await chunk(0, 300);
    puppet.received.length = 0;
    await announce();
    const credits = puppet.received.filter(({ type }) => type === 'body-credit').map(payloadOf);
    assert.deepEqual(credits, [{ offset: 300, window: WINDOW }]);
    await chunk(300, 1000);
    await say({ kind: 'control', type: 'body-end', re: 'r-1', payload: { size: 1000, sha256: sha256(bytes) } });
    const answer = puppet.received.find(({ kind }) => kind === 'response') as NetworkMessage;
    assert.equal((payloadOf(answer) as { sha256: string }).sha256, sha256(bytes));
    assert.deepEqual(runs, ['w1']);
  });

  it('is refused beyond so many of one asker', async () => {
    await using stage = new Stage();
    const leader = await stage.leader();
    await stage.collaborator('w1', [handle('hang', {}, () => new Promise(() => {}))], { slots: 1000 });
    const asker = await stage.collaborator('w2');
    const asked = Array.from({ length: 260 }, () =>
      asker.request('hang', undefined, { to: 'w1', body: bytesOf(1), timeoutMs: 2000 }).catch((error) => error.code),
    );
    const codes = await stage.until(Promise.all(asked));
    const count = (code: string) => codes.filter((each) => each === code).length;
    assert.deepEqual([count('BACKPRESSURE'), count('OVERLOADED') + count('TIMEOUT')], [4, 256]);
    assert.equal(leader.status().leader.counters['relaysRefused'], 4);
  });

  it('is refused with an event through the leader, and beyond the window, at both ends', async () => {
    await using stage = new Stage();
    const leader = await stage.leader();
    const ends: string[] = [];
    const taker = handle('store', {}, async (_, { body }) => {
      await (body as ByteStream).finished.catch((error: NetworkError) => ends.push(`${error.code}: ${error.message}`));
    });
    await stage.collaborator('w1', [taker]);
    const puppet = await Puppet.join(stage, 'puppet');
    const say = async (draft: Parameters<Puppet['say']>[0]) => {
      puppet.say(draft);
      await stage.clock.advance(20);
      return puppet.received.at(-1) as NetworkMessage;
    };
    const refused = await say({ id: 'e-1', kind: 'event', type: 'store', to: 'w1', body: { size: 5 } });
    assert.deepEqual(
      [refused.type, refused.re, (refused.payload as { code: string }).code],
      ['body-cancel', 'e-1', 'INVALID_MESSAGE'],
    );
    const granted = await say({ id: 'r-1', kind: 'request', type: 'store', to: 'w1', ttl: 5000, body: {} });
    assert.deepEqual([granted.type, granted.payload], ['body-credit', { offset: 0, window: WINDOW }]);
    const payload = { offset: MIB, crc: 0, data: Uint8Array.of(1) };
    await say({ kind: 'control', type: 'body-chunk', re: 'r-1', payload });
    const codes = puppet.received.slice(-2).map((message) => (payloadOf(message) as { code: string }).code);
    assert.deepEqual(codes, ['INVALID_MESSAGE', 'INVALID_MESSAGE'], 'its body is cancelled, its request answered');
    assert.deepEqual(ends, [`INVALID_MESSAGE: body-chunk.offset: ${MIB} is beyond the window of w1`]);
    assert.equal(leader.status().leader.counters['dropped'], 1);
  });
});
