import { assertNothingLeft } from '../leaks.js';
import { conforms } from './conforms.js';
import { memorySubject } from './memory-subject.js';

assertNothingLeft();

conforms(memorySubject('memory'), 'all');
// What takes its time, and not always the same, must change nothing.
const faults = { latency: { kind: 'log-normal', medianMs: 20, sigma: 1 } } as const;
conforms(
  memorySubject('memory, msgpack+deflate, uneven latency', { codec: 'msgpack+deflate', faults, seed: 7 }),
  'bare',
);
