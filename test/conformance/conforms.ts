import { describe, it } from 'node:test';
import { conformance } from '../../src/testing/conformance/conformance.js';
import type { Subject } from '../../src/testing/conformance/subject.js';

/** Nothing that is laid around a transport changes these: wrapped, they run with the long tests. */
const OF_THE_WIRE = new Set(['order', 'payloads', 'sizes', 'pressure', 'metrics']);

/**
 * A test for each check.
 * @param through what of the suite is run. @default all, and wrapped what has to do with more than bytes
 */
export function conforms(subject: Subject, through: 'bare' | 'wrapped' | 'all' | 'usual' = 'usual'): void {
  const bare = conformance(subject, { through: 'bare' });
  const wrapped = conformance(subject, { through: 'wrapped' });
  const checks = {
    bare,
    wrapped,
    all: [...bare, ...wrapped],
    usual: [...bare, ...wrapped.filter(({ name }) => !OF_THE_WIRE.has(name.slice(0, name.indexOf(':'))))],
  };
  describe(`the contract, kept by ${subject.name}`, () => {
    for (const check of checks[through]) it(check.name, () => check.run());
  });
}
