import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { formatToken, parseToken } from '../../src/security/invites/join-token.js';
import { attackersAddress, Fortress } from './fortress.js';

const LANES = 24;
/** A good join may take so long, in milliseconds, in the middle of it. */
const MAX_JOIN_MS = 1_000;
/** Of so many guesses one is beside a good join. */
const GUESSES_PER_JOIN = 250;

export interface Figures {
  readonly perSecond: number;
  readonly slowestJoinMs: number;
}

/**
 * Guesses tokens over TLS from up to 250 addresses: right in everything but the secret, or with an unknown id. Meanwhile
 * good ones join from addresses of their own.
 */
export async function guessTokens(guesses: number): Promise<Figures> {
  await using fortress = await Fortress.open();
  const aim = await fortress.token({ uses: 10 });
  const good = await fortress.token({ uses: Math.ceil(guesses / GUESSES_PER_JOIN) });
  const key = DeviceKey.generate();
  const { uses } = fortress;
  const startedAt = performance.now();
  // Each of them guesses often enough to be locked out.
  const addresses = Math.min(250, Math.ceil(guesses / 20));
  let begun = 0;
  let joins = 0;
  let slowestJoinMs = 0;
  const guess = async (index: number): Promise<void> => {
    const secret = randomBytes(20);
    const parts = { ...parseToken(aim), secret };
    const token = formatToken(index % 3 === 0 ? { ...parts, id: idOf(secret) } : parts);
    const guest = await fortress.guest('guesser', attackersAddress(index % addresses));
    const verdict = await guest.present({ token, key });
    guest.end();
    assert.ok(verdict === 'NOT_ALLOWED' || verdict === 'OVERLOADED', verdict);
  };
  const join = async (index: number): Promise<void> => {
    const askedAt = performance.now();
    const guest = await fortress.guest(`good-${index}`, `127.0.2.${1 + (index % 250)}`);
    assert.equal(await guest.present({ token: good, key: DeviceKey.generate() }), 'welcome');
    slowestJoinMs = Math.max(slowestJoinMs, performance.now() - askedAt);
    joins += 1;
    guest.end();
  };
  const lane = async (): Promise<void> => {
    while (begun < guesses) {
      begun += 1;
      if (begun % GUESSES_PER_JOIN === 0) await Promise.all([guess(begun), join(begun)]);
      else await guess(begun);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const perSecond = guesses / ((performance.now() - startedAt) / 1_000);
  const { refusedWrongToken = 0, refusedUnknownToken = 0, refusedLocked = 0 } = fortress.security.counters;
  assert.equal(refusedWrongToken + refusedUnknownToken + refusedLocked, guesses, 'each is refused, and counted once');
  assert.ok(refusedLocked > guesses / 4, 'addresses are locked');
  assert.equal(fortress.uses, uses + joins, 'none succeeded');
  assert.equal(fortress.security.devices.byName('guesser'), undefined);
  assert.ok(slowestJoinMs < MAX_JOIN_MS, `a good join took ${Math.round(slowestJoinMs)} ms`);
  await fortress.assertHonestServed();
  return { perSecond, slowestJoinMs };
}

const idOf = (secret: Buffer): string =>
  [...secret.subarray(0, 8)].map((byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte & 31]).join('');
