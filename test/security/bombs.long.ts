import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { BOMBS } from './bomb.js';
import { bombard } from './bombing.js';
import { manyAddresses } from './fortress.js';

assertNothingLeft();

const ROUNDS = 12;
const SIEGE = { connections: 100, rounds: ROUNDS, phaseMs: 60_000 / ROUNDS, compared: true };

for (const bomb of BOMBS) {
  test(
    `${bomb}: ${SIEGE.connections} connections for a minute do not make the leader grow by 64 MiB, and others wait at most twice as long as beside a crowd that behaves`,
    manyAddresses,
    async (t) => {
      const figures = await bombard(bomb, SIEGE);
      t.diagnostic(JSON.stringify(figures));
      assert.ok(figures.p99Ms <= 2 * figures.crowdP99Ms, JSON.stringify(figures));
      assert.ok(figures.thrown >= SIEGE.connections && figures.accepted === 0, JSON.stringify(figures));
    },
  );
}
