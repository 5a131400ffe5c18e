import { chance, integer, letters, pick, type Random } from '../../src/base/random.js';
import type { Frame } from '../../src/message/codec.js';
import { MESSAGE_KINDS, type NetworkMessage, PRIORITIES } from '../../src/message/message.js';
import { helloPayload } from '../network/websocket-nodes.js';

const TARGETS = [undefined, undefined, 'leader', 'honest', '?', '*', 'nobody'] as const;
const TYPES = ['ping', 'echo', 'hang', 'typed', 'none', 'netmgr.status', 'netmgr.emit', 'netmgr.evict'] as const;
const VERBS = [
  'register',
  'register',
  'cancel',
  'ack',
  'register-again',
  'hello',
  'welcome',
  'unheard-of',
  'goodbye',
] as const;

/** A message that follows every rule, of any kind; `self` sends it. */
export function validMessage(random: Random, self: string): NetworkMessage {
  const kind = pick(random, MESSAGE_KINDS) ?? 'event';
  const type = kind === 'control' ? pick(random, VERBS) : kind === 'heartbeat' ? 'heartbeat' : pick(random, TYPES);
  const isAnswer = kind === 'response' || kind === 'error';
  return {
    v: 1,
    id: `${letters(random, 4)}-${integer(random, 1000)}`,
    kind,
    type: type ?? 'ping',
    from: self,
    to: pick(random, TARGETS),
    ts: 1_700_000_000_000 + integer(random, 1e9),
    re: isAnswer || type === 'cancel' ? `${letters(random, 4)}-${integer(random, 1000)}` : undefined,
    ttl: chance(random, 0.3) ? 1 + integer(random, 3000) : undefined,
    priority: chance(random, 0.2) ? pick(random, PRIORITIES) : undefined,
    component: chance(random, 0.1) ? 'bulk' : undefined,
    body: (kind === 'request' || kind === 'event') && chance(random, 0.1) ? { size: integer(random, 1e6) } : undefined,
    payload: payloadFor(type ?? '', random),
  };
}

function payloadFor(type: string, random: Random): unknown {
  switch (type) {
    case 'hello':
    case 'welcome':
      return helloPayload({ node: 'leader', window: 65_536, greeting: { pid: integer(random, 1e5) } });
    case 'register':
      return {
        sequence: integer(random, 100),
        handlers: ['echo', 'bad.one'],
        tags: { gpu: '1' },
        slots: 2,
        draining: false,
      };
    case 'heartbeat':
      return {
        busy: integer(random, 9),
        loopLagMs: 0.5,
        rttMs: 1.2,
        intervalMs: 2000,
        registration: integer(random, 100),
      };
    case 'ack':
      return { bytes: integer(random, 1e6) };
    case 'netmgr.status':
      return chance(random, 0.5) ? undefined : { after: integer(random, 50), waitMs: integer(random, 2000) };
    case 'netmgr.emit':
      return { type: 'echo', nodes: ['honest', 'nobody'], payload: { a: 1 } };
    case 'netmgr.evict':
      return { node: 'nobody' };
    case 'typed':
      return { width: integer(random, 100) };
    default:
      return pick(random, [
        undefined,
        null,
        7,
        'ü€😀',
        { a: [1, { b: null }] },
        { data: new Uint8Array([0, 255]) },
        [[], {}],
      ]);
  }
}

export const frameBuffer = (frame: Frame): Buffer =>
  typeof frame === 'string' ? Buffer.from(frame) : Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
