import { testMutations } from '../attack/mutation.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

// 11 times 94,000: with those over sockets, more than a million.
testMutations(11);
