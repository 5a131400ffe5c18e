import { describe, it } from 'node:test';
import { type ConformanceOptions, conformance } from '../../src/testing/conformance/conformance.js';
import type { Subject } from '../../src/testing/conformance/subject.js';

/** A test for each check. */
export function conforms(subject: Subject, options: ConformanceOptions = {}): void {
  describe(`the contract, kept by ${subject.name}`, () => {
    for (const check of conformance(subject, options)) it(check.name, () => check.run());
  });
}
