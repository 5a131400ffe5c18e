import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conformance } from '../../src/testing/conformance/conformance.js';
import type { Subject } from '../../src/testing/conformance/subject.js';
import { assertNothingLeft } from '../leaks.js';
import { altered, type Break } from './breaks/break.js';
import { DELIVERY } from './breaks/delivery.js';
import { LIFE } from './breaks/life.js';
import { PAYLOADS } from './breaks/payloads.js';
import { PEERS } from './breaks/peers.js';
import { REFUSALS } from './breaks/refusals.js';
import { REQUESTS } from './breaks/requests.js';
import { memorySubject } from './memory-subject.js';

assertNothingLeft();

const BREAKS: readonly Break[] = [...DELIVERY, ...PAYLOADS, ...REQUESTS, ...PEERS, ...REFUSALS, ...LIFE];
const memory = memorySubject('memory');

/** The network in memory, spoiled. */
const spoiled = ({ name, spoil }: Pick<Break, 'name' | 'spoil'>): Subject => ({
  ...memory,
  name,
  async open() {
    const ground = await memory.open();
    return {
      ...ground,
      network: async (wiring, place) => {
        const network = await ground.network(wiring, place);
        return altered(network, spoil(network, wiring));
      },
    };
  },
});

const checksOf = (subject: Subject) => conformance(subject, { through: 'bare' });

describe('a transport that is broken on purpose', () => {
  for (const one of BREAKS) {
    it(`${one.name}: that is found`, async () => {
      const checks = checksOf(spoiled(one));
      try {
        for (const beginning of one.caught) {
          const found = checks.filter(({ name }) => name.startsWith(beginning));
          assert.equal(found.length, 1, `there is one check '${beginning}'`);
          await assert.rejects(async () => found[0]?.run(), {
            code: 'ERR_ASSERTION',
            message: /^the contract demands: .+\. Seen: /s,
          });
        }
      } finally {
        one.tidy?.();
      }
    });
  }
});

it('each check can fail: one of these breaks is found by it', () => {
  const caught = BREAKS.flatMap((one) => one.caught);
  const idle = checksOf(memory).filter(
    ({ name, leftOut }) => !leftOut && !caught.some((beginning) => name.startsWith(beginning)),
  );
  assert.deepEqual(
    idle.map(({ name }) => name),
    [],
  );
});

it('a transport in the same wrapping that is not broken passes', async () => {
  for (const check of checksOf(spoiled({ name: 'nothing', spoil: () => ({}) }))) await check.run();
});
