import { testInjection } from '../cli/script/injection.js';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

testInjection(10_000);
