import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { throughTheLeader } from './body-cluster.js';

assertNothingLeft();

test('1 GiB goes through a leader over TLS, and its memory does not grow with it', async (t) => {
  t.diagnostic(await throughTheLeader(1024));
});
