import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';

const ROOT = path.resolve(import.meta.dirname, '../../..');

interface Locked {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

for (const file of ['package-lock.json', 'bench/package-lock.json']) {
  describe(file, async () => {
    const text = await readFile(path.join(ROOT, file), 'utf8');
    const { packages } = JSON.parse(text) as { packages: Readonly<Record<string, Locked>> };

    it('can be installed from any registry', () => {
      const bound = Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined);
      assert.deepEqual(
        bound.map(([place]) => place),
        [],
        'omit-lockfile-registry-resolved is not set',
      );
    });

    it('has the optional packages of every platform (see complete-lockfile.js)', () => {
      const wanted = Object.values(packages).flatMap((locked) => Object.keys(locked.optionalDependencies ?? {}));
      assert.deepEqual(
        wanted.filter((name) => packages[`node_modules/${name}`] === undefined),
        [],
      );
    });
  });
}
