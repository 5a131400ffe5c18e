import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import type { NetworkError } from '../../src/base/errors.js';
import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import type { NetworkManager } from '../../src/manager/manager.js';
import { Stamp } from '../../src/message/stamp.js';
import { Passage } from '../../src/role/passage.js';

const codeOf = (error: NetworkError | undefined): string | undefined => error?.code;

test('an asker that sends again what waits for a slow target is refused, and what it may send is kept', () => {
  const stamp = new Stamp('asker', new VirtualClock(), seededRandom(1));
  const request = stamp.make({ kind: 'request', type: 'store', to: 'target', body: { resumable: true } });
  const manager = {
    network: { peers: new Map() },
    bodies: { limits: { resumeMs: 1000 }, outgoing: { takesMore: () => false } },
    sendMessage: () => 'queued',
  } as unknown as NetworkManager;
  const passage = new Passage(manager, request, 'asker');
  let failed: NetworkError | undefined;
  const fail = (error: NetworkError): void => {
    failed ??= error;
  };
  passage.began({ message: request, peer: 'target', prolong: () => {}, fail, complete: () => {} });
  const credit = (payload: object) =>
    passage.fromTarget(stamp.make({ kind: 'control', type: 'body-credit', re: request.id, payload }));
  const say = (type: string, payload: object) =>
    passage.fromAsker(stamp.make({ kind: 'control', type, re: request.id, payload }));
  const data = new Uint8Array(1000);
  const send = (): void => {
    for (let offset = 0; offset < 10_000; offset += 1000) say('body-chunk', { offset, crc: crc32(data), data });
  };
  credit({ offset: 0, window: 10_000 });
  for (let resend = 1; resend < 10; resend += 1) {
    send();
    credit({ offset: 0, window: 10_000, resend });
  }
  assert.equal(failed, undefined);
  for (let i = 0; i < 30; i += 1) send();
  assert.equal(codeOf(failed), 'INVALID_MESSAGE');
  credit({ offset: 0, window: 10_000, resend: 10 });
  failed = undefined;
  for (let i = 0; i < 5000; i += 1) say('body-end', { size: 0, sha256: '0'.repeat(64) });
  assert.equal(codeOf(failed), 'INVALID_MESSAGE');
});
