import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, createServer } from 'node:net';
import { handle } from '../../src/index.js';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { until } from '../network/websocket-nodes.js';
import { attackersAddress, Fortress, Guest } from './fortress.js';
import { Listening, relay } from './listening.js';

const LANES = 16;

/** What was recorded of an honest device's life, in the order in which it was said. */
interface Recording {
  /** hello and the answer to the challenge. */
  readonly enrolment: readonly string[];
  readonly session: readonly string[];
  /** What it asked for once it was in. */
  readonly work: readonly string[];
}

/**
 * Says again, over TLS, what was once right: enrolments, proofs and work, in order, out of it, on connections that have
 * got nowhere, to the challenge, and as another member. @returns how many frames were replayed
 */
export async function replayFrames(frames: number): Promise<number> {
  let worked = 0;
  const work = handle('work', {}, () => {
    worked += 1;
    return worked;
  });
  await using fortress = await Fortress.open({ handlers: [work] });
  const recording = await record(fortress);
  const done = worked;
  const before = {
    sessions: fortress.counter('sessions'),
    enrolments: fortress.counter('enrolments'),
    uses: fortress.uses,
  };
  let members = 0;
  let replayed = 0;
  const lane = async (index: number): Promise<void> => {
    for (let i = index; replayed < frames; i += LANES) {
      const guest = await fortress.guest('victim', attackersAddress(i));
      const way = i % 3;
      const greeting = i % 2 === 0 ? recording.enrolment : recording.session;
      if (way === 0) replayed += say(guest, [...greeting, ...recording.work]);
      else if (way === 1) replayed += await sayToChallenge(guest, greeting);
      else replayed += say(guest, recording.work);
      assert.notEqual(await guest.verdict(), 'welcome');
      guest.end();
      if (i % 40 !== 0) continue;
      members += 1;
      replayed += await asAnother(fortress, `thief-${members}`, [...recording.session, ...recording.work]);
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
  assert.equal(worked, done, 'no work was done twice');
  assert.equal(fortress.counter('sessions'), before.sessions);
  assert.equal(fortress.counter('enrolments'), before.enrolments + members);
  assert.equal(fortress.uses, before.uses + members);
  await fortress.assertHonestServed();
  return replayed;
}

function say(guest: Guest, frames: readonly string[]): number {
  for (const frame of frames) guest.socket.send(frame);
  return frames.length;
}

/** A hello of its own, and to the challenge that it gets the answer to another one. */
async function sayToChallenge(guest: Guest, greeting: readonly string[]): Promise<number> {
  assert.ok(await guest.challenged());
  return say(guest, greeting.slice(1));
}

/** A member in good standing says what another member has said. */
async function asAnother(fortress: Fortress, self: string, frames: readonly string[]): Promise<number> {
  const member = await fortress.member(self, { maySubmit: true, localAddress: '127.0.3.1' });
  say(member, frames);
  await until(() => member.messages.some(({ kind }) => kind === 'error'), 'an error');
  assert.ok(member.messages.every(({ kind }) => kind !== 'response'));
  member.end();
  return frames.length;
}

async function record(fortress: Fortress): Promise<Recording> {
  const key = DeviceKey.generate();
  const token = await fortress.token({ maySubmit: true });
  const enrolling = await fortress.guest('victim');
  assert.equal(await enrolling.present({ key, token }), 'welcome');
  enrolling.end();
  const proving = await fortress.guest('victim');
  assert.equal(await proving.present({ key }), 'welcome');
  const session = proving.said.slice();
  for (const to of ['leader', '?', undefined]) {
    const asked = proving.say({ kind: 'request', type: 'work', to, payload: { to } });
    await until(() => proving.messages.some(({ re }) => re === asked), 'an answer');
  }
  const work = proving.said.slice(session.length);
  proving.end();
  await until(() => fortress.status('victim') === 'lost', 'the victim to be seen to be gone');
  return { enrolment: enrolling.said, session, work };
}

/** Whole TLS connections as somebody on the way has recorded them, said again. */
export async function replayCiphertext(connections: number): Promise<void> {
  await using fortress = await Fortress.open();
  const taped: Buffer[] = [];
  const tap = createServer((near) => {
    const far = connectTcp(fortress.port, '127.0.0.1');
    near.on('data', (bytes) => taped.push(bytes));
    relay(near, far);
  });
  {
    await using listening = await Listening.open(tap);
    const guest = await Guest.dial(listening.port, 'victim');
    assert.equal(await guest.present({ token: await fortress.token() }), 'welcome');
    guest.end();
  }
  const { enrolments, sessions } = fortress.security.counters;
  for (let i = 0; i < connections; i += 1) {
    const socket = await fortress.tcp(attackersAddress(i));
    socket.resume();
    if (i % 2 === 0) socket.write(Buffer.concat(taped));
    else for (const bytes of taped) socket.write(bytes);
    if (!socket.closed) await once(socket, 'close');
  }
  const now = fortress.security.counters;
  assert.deepEqual([now['enrolments'], now['sessions']], [enrolments, sessions]);
  assert.ok(fortress.counter('tlsFailures') >= connections);
  await fortress.assertHonestServed();
}
