import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeviceKey } from '../../src/security/devices/device-key.js';
import { assertNothingLeft } from '../leaks.js';
import { attackersAddress, Fortress, manyAddresses } from './fortress.js';

assertNothingLeft();

const CLAIMS = 1_000;
const LANES = 20;

test(
  `${CLAIMS} claims of a live and of a removed name, with good tokens: none succeeds, and the owner notices nothing`,
  manyAddresses,
  async () => {
    await using fortress = await Fortress.open();
    const removed = await fortress.member('removed');
    assert.equal(await fortress.leader.evict('removed'), true);
    assert.equal(await removed.verdict(), 'welcome');
    const token = await fortress.token({ uses: 2 * CLAIMS });
    const operatorToken = await fortress.token({ role: 'operator', uses: 2 * CLAIMS });
    const { uses } = fortress;
    const names = ['honest', 'removed', 'leader', 'honest'];
    let left = CLAIMS;
    const lane = async (index: number): Promise<void> => {
      const key = DeviceKey.generate();
      for (let i = 0; left > 0; i += 1) {
        left -= 1;
        const asOperator = i % 4 === 3;
        const guest = await fortress.guest(names[i % 4] as string, attackersAddress(index));
        const verdict = await guest.present(
          asOperator ? { token: operatorToken, key, role: 'operator' } : { token, key },
        );
        assert.equal(verdict, 'NAME_IN_USE');
        guest.end();
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
    assert.equal(fortress.counter('refusedNameInUse'), CLAIMS);
    assert.equal(fortress.uses, uses, 'a refused claim uses nothing up');
    assert.equal(fortress.leader.status().nodes.length, 2, 'the honest one and the removed');
    await fortress.assertHonestServed();
    assert.equal(fortress.honest.connected, true);
  },
);

test('a suffix, another case or a look-alike of a name is no way in', manyAddresses, async () => {
  await using fortress = await Fortress.open();
  await fortress.member('ops', { role: 'operator' });
  const token = await fortress.token({ uses: 50 });
  for (const [index, name] of ['ops.1', 'ops.', 'ops.ops'].entries()) {
    const guest = await fortress.guest(name, attackersAddress(index));
    assert.equal(await guest.present({ token }), 'NAME_IN_USE', name);
  }
  for (const [index, name] of ['Honest', 'honest ', 'h\u043enest', 'honest\0', '__proto__', ''].entries()) {
    const guest = await fortress.guest(name, attackersAddress(10 + index));
    assert.equal(await guest.present({ token }), 'INVALID_MESSAGE', JSON.stringify(name));
  }
  await fortress.assertHonestServed();
});
