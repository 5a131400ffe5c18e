import { test } from 'node:test';
import { assertNothingLeft } from '../leaks.js';
import { manyAddresses } from './fortress.js';
import { keepWaiting } from './slow-sockets.js';

assertNothingLeft();

test(
  '500 sockets, each slow in one of seven ways, are gone in time, and an honest member joins meanwhile',
  manyAddresses,
  (t) => keepWaiting(500, t),
);
