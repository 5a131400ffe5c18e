import { assertNothingLeft } from '../leaks.js';
import { conforms } from './conforms.js';
import { memorySubject } from './memory-subject.js';

assertNothingLeft();

conforms(memorySubject('memory'));
// What takes its time, and not always the same, must change nothing.
for (const seed of [7, 8]) {
  const faults = { latency: { kind: 'log-normal', medianMs: 20, sigma: 1 } } as const;
  conforms(memorySubject(`memory, msgpack, uneven latency, seed ${seed}`, { codec: 'msgpack', faults, seed }), {
    through: 'bare',
  });
}
