import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { BOMBS } from './bomb.js';
import { bombard } from './bombing.js';
import { manyAddresses } from './fortress.js';

assertNothingLeft();

const SIEGE = { connections: 20, rounds: 1, phaseMs: 1_000, compared: false };

for (const bomb of BOMBS) {
  test(`${bomb}: ${SIEGE.connections} connections do not make the leader grow by 64 MiB`, manyAddresses, async (t) => {
    const figures = await bombard(bomb, SIEGE);
    t.diagnostic(JSON.stringify(figures));
    assert.ok(figures.thrown > 0 && figures.accepted === 0, JSON.stringify(figures));
  });
}
