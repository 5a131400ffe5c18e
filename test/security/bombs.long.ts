import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { BOMBS } from './bomb.js';
import { bombard } from './bombing.js';
import { manyAddresses } from './fortress.js';

assertNothingLeft();

const CONNECTIONS = 100;
const DURATION_MS = 60_000;
/** What the machine itself adds now and then, in milliseconds. */
const SLACK_MS = 10;

for (const bomb of BOMBS) {
  test(
    `${bomb}: ${CONNECTIONS} connections for a minute do not make the leader grow by 64 MiB, and others wait at most twice as long as beside a crowd that behaves, and ${SLACK_MS} ms`,
    manyAddresses,
    async (t) => {
      const figures = await bombard(bomb, CONNECTIONS, DURATION_MS);
      t.diagnostic(JSON.stringify(figures));
      assert.ok(figures.p99Ms <= 2 * figures.calmP99Ms + SLACK_MS, JSON.stringify(figures));
      assert.ok(figures.thrown >= CONNECTIONS && figures.accepted === 0, JSON.stringify(figures));
    },
  );
}
