import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { throughTheLeader } from './body-cluster.js';

assertNothingLeft();

test('64 MiB go through a leader over TLS, and its memory does not grow with them', async (t) => {
  t.diagnostic(await throughTheLeader(64));
});
