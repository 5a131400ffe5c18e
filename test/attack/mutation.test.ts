import { assertNothingLeft } from '../leaks.js';
import { testMutations } from './mutation.js';

assertNothingLeft();

testMutations(1);
