import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { PublicNames } from './public-names.js';

const DECLARATIONS = path.resolve(import.meta.dirname, '../../src');

test('whatever the signatures of the package name can be imported', () => {
  const names = new PublicNames();
  const [main, testing] = ['index.d.ts', 'testing.d.ts'].map((file) => path.join(DECLARATIONS, file)) as [
    string,
    string,
  ];
  const exported = new Set([...names.exportedBy(main)]);
  const missing = (entry: string): string[] => [...names.reachableFrom(entry)].filter((name) => !exported.has(name));
  assert.ok(exported.size > 100);
  assert.deepEqual(missing(main), []);
  // Whoever uses netmgr/testing has netmgr as well.
  for (const name of names.exportedBy(testing)) exported.add(name);
  assert.deepEqual(missing(testing), []);
});

test('a name is found wherever a signature has it, and not where it is internal, a comment or a text', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'netmgr-names-'));
  try {
    const files = {
      'entry.d.ts': "export { type A, type B, C } from './a.js';\n",
      'a.d.ts': `import { type Far as Near, type Unused } from './b.js';
/** Of Commented. */
export interface A {
    /** @internal */
    readonly internal: Internal;
    readonly near: Near;
    readonly text: 'Quoted';
}
export type B = Local<string>;
export declare class C extends Base {
    #private;
    constructor(given: Given);
}
interface Local<T> { readonly t: T; }
interface Given {}
interface Base {}
interface Internal {}
interface Commented {}
interface Quoted {}
`,
      'b.d.ts': 'export type Far = Further;\ntype Further = 1;\nexport type Unused = 2;\n',
    };
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
    const names = new PublicNames();
    const entry = path.join(folder, 'entry.d.ts');
    const short = (ids: ReadonlySet<string>) => [...ids].map((id) => id.split(' ')[0]).sort();
    assert.deepEqual(short(names.exportedBy(entry)), ['A', 'B', 'C']);
    assert.deepEqual(short(names.reachableFrom(entry)), ['A', 'B', 'Base', 'C', 'Far', 'Further', 'Given', 'Local']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
