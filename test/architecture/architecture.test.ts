import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const ROOT = path.resolve(import.meta.dirname, '../../..');
const BIOME = path.join(ROOT, 'node_modules/@biomejs/biome/bin/biome');

/** Each folder of src, and the folders that it may import: the picture in docs/architecture.md. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  message: ['base'],
  traffic: ['base', 'message'],
  membership: ['base', 'message'],
  network: ['base', 'message', 'traffic'],
  security: ['base', 'message', 'network'],
  manager: ['base', 'message', 'traffic', 'membership', 'network'],
  role: ['base', 'message', 'traffic', 'membership', 'network', 'manager'],
  compose: ['base', 'message', 'traffic', 'membership', 'network', 'security', 'manager', 'role'],
  cli: ['base', 'message', 'traffic', 'membership', 'network', 'security', 'manager', 'role', 'compose'],
  testing: ['base', 'message', 'traffic', 'membership', 'network', 'security', 'manager', 'role'],
};
const FOLDERS = Object.keys(MAY_IMPORT);
const PURE = ['base', 'message', 'traffic', 'membership'];
const SIMULATED = [...PURE, 'manager', 'role'];

interface Diagnostic {
  readonly category: string;
  readonly message: string;
  readonly location?: { readonly path?: string };
}

async function lint(folder: string): Promise<readonly Diagnostic[]> {
  const args = [BIOME, 'check', '--reporter=json', '--max-diagnostics=none'];
  const output = await new Promise<string>((resolve, reject) => {
    // Exit code 1 says that something was found: that is what the JSON is for.
    execFile(process.execPath, args, { cwd: folder, maxBuffer: 64 << 20 }, (error, stdout) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve(stdout);
    });
  });
  return (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics;
}

/** One small file that breaks a rule, or shows that something is allowed. */
interface Probe {
  readonly file: string;
  readonly source: string;
  /** The rule that must bite; undefined: none may. */
  readonly rule: string | undefined;
}

const probes: Probe[] = [];
function probe(file: string, source: string, rule: string | undefined): void {
  probes.push({ file: `src/${file}`, source: `${source.trimEnd()}\n`, rule });
}

const IMPORTS = 'lint/style/noRestrictedImports';
const GLOBALS = 'lint/style/noRestrictedGlobals';
const PROPERTIES = 'lint/nursery/noJsRestrictedProperties';

for (const from of FOLDERS) {
  for (const to of FOLDERS.filter((folder) => folder !== from)) {
    const rule = MAY_IMPORT[from]?.includes(to) ? undefined : IMPORTS;
    probe(`${from}/to-${to}.ts`, `export type { Thing } from '../${to}/thing.js';`, rule);
    probe(`${from}/deep/to-${to}.ts`, `export type { Thing } from '../../${to}/thing.js';`, rule);
  }
  for (const entry of ['index', 'testing']) {
    const rule = from === 'cli' && entry !== 'testing' ? undefined : IMPORTS;
    probe(`${from}/to-${entry}.ts`, `export type { Thing } from '../${entry}.js';`, rule);
    probe(`${from}/deep/to-${entry}.ts`, `export type { Thing } from '../../${entry}.js';`, rule);
  }
  probe(`${from}/native-timers.ts`, `export { setTimeout } from 'node:timers/promises';`, IMPORTS);
  probe(`${from}/global-timer.ts`, 'export const run = (): unknown => setTimeout(run, 1);', GLOBALS);
  probe(`${from}/hidden-timer.ts`, 'export const run = (): unknown => globalThis.setTimeout(run, 1);', PROPERTIES);
  probe(`${from}/wall-time.ts`, 'export const at = (): number => Date.now();', PROPERTIES);
  probe(`${from}/date.ts`, 'export const at = (): Date => new Date();', 'plugin');
  probe(`${from}/shown-date.ts`, 'export const at = (ms: number): string => new Date(ms).toISOString();', undefined);
  probe(`${from}/chance.ts`, 'export const chance = (): number => Math.random();', PROPERTIES);
  probe(`${from}/exit.ts`, 'export const end = (): never => process.exit(1);', 'lint/nursery/noProcessExit');
  const environment = from === 'cli' ? undefined : PROPERTIES;
  probe(`${from}/environment.ts`, 'export const home = (): string | undefined => process.env.HOME;', environment);
}
for (const folder of SIMULATED) {
  for (const module of ['node:fs', 'node:fs/promises', 'node:net', 'node:child_process', 'node:crypto']) {
    probe(`${folder}/io-${module.replace(/\W/g, '-')}.ts`, `export * as io from '${module}';`, IMPORTS);
  }
}
for (const folder of ['security', 'manager', 'role']) {
  for (const transport of ['memory', 'websocket', 'tcp', 'http', 'framed', 'reliable']) {
    probe(`${folder}/${transport}.ts`, `export type { Thing } from '../network/${transport}/thing.js';`, IMPORTS);
  }
  probe(`${folder}/contract.ts`, `export type { Thing } from '../network/network.js';`, undefined);
}
// Bodies are part of the contract, not of a transport.
probe('manager/bodies.ts', `export type { Thing } from '../network/streams/thing.js';`, undefined);
probe('role/bodies.ts', `export type { Thing } from '../network/streams/thing.js';`, undefined);
probe('security/bodies.ts', `export type { Thing } from '../network/streams/thing.js';`, IMPORTS);
// Of security, a role imports the table and nothing that does I/O.
probe('role/table.ts', `export type { Thing } from '../security/authorisation.js';`, undefined);
probe('base/node.ts', `export { inspect } from 'node:util';`, IMPORTS);
probe('network/to-transport.ts', `export type { Thing } from './memory/thing.js';`, IMPORTS);
probe('network/to-framed.ts', `export type { Thing } from './framed/thing.js';`, IMPORTS);
probe('network/tcp/to-framed.ts', `export type { Thing } from '../framed/thing.js';`, undefined);
probe('network/framed/to-transport.ts', `export type { Thing } from '../tcp/thing.js';`, IMPORTS);
probe('network/tcp/to-sibling.ts', `export type { Thing } from '../websocket/thing.js';`, IMPORTS);
probe('network/tcp/to-http.ts', `export type { Thing } from '../http/thing.js';`, IMPORTS);
probe('network/to-http.ts', `export type { Thing } from './http/thing.js';`, IMPORTS);
probe('network/memory/to-sibling.ts', `export type { Thing } from '../websocket/thing.js';`, IMPORTS);
probe('network/memory/to-wrapper.ts', `export type { Thing } from '../reliable/thing.js';`, IMPORTS);
probe('network/reliable/to-transport.ts', `export type { Thing } from '../memory/thing.js';`, IMPORTS);
probe('network/reliable/to-contract.ts', `export type { Thing } from '../endpoint.js';`, undefined);
probe('network/memory/to-contract.ts', `export type { Thing } from '../network.js';`, undefined);
probe('index.ts', `export type { Thing } from './cli/thing.js';`, IMPORTS);
probe(
  'role/circle-a.ts',
  `export type { B } from './circle-b.js';\nexport type A = 1;`,
  'lint/suspicious/noImportCycles',
);
probe(
  'role/circle-b.ts',
  `export type { A } from './circle-a.js';\nexport type B = 1;`,
  'lint/suspicious/noImportCycles',
);
probe('role/lost.ts', 'const late = async (): Promise<void> => {};\nlate();', 'lint/nursery/noFloatingPromises');
probe('role/any.ts', 'export const all: any = 1;', 'lint/suspicious/noExplicitAny');
probe('role/enum.ts', 'export enum Colour {\n  Red,\n}', 'lint/style/noEnum');
probe('role/default.ts', 'export default 1;', 'lint/style/noDefaultExport');
probe('role/console.ts', `console.log('x');`, 'lint/suspicious/noConsole');
probe('role/development.ts', `export * as check from 'fast-check';`, 'lint/correctness/noUndeclaredDependencies');
probe('role/BadName.ts', 'export const a = 1;', 'lint/style/useFilenamingConvention');
probe('base/clock.ts', 'export const run = (): unknown => setTimeout(() => Date.now(), 1);', undefined);

describe('the rules of the house', () => {
  let house: string;
  const found = new Map<string, Diagnostic[]>();

  before(async () => {
    house = await mkdtemp(path.join(tmpdir(), 'netmgr-architecture-'));
    await mkdir(path.join(house, '.biome'));
    for (const file of ['biome.jsonc', 'package.json', '.gitignore', '.biome/no-ambient-date.grit']) {
      await copyFile(path.join(ROOT, file), path.join(house, file));
    }
    for (const { file, source } of probes) {
      await mkdir(path.join(house, path.dirname(file)), { recursive: true });
      await writeFile(path.join(house, file), source);
    }
    for (const diagnostic of await lint(house)) {
      const file = diagnostic.location?.path ?? '';
      found.set(file, [...(found.get(file) ?? []), diagnostic]);
    }
  });
  after(() => rm(house, { recursive: true }));

  for (const folder of [...FOLDERS, 'index.ts']) {
    it(`bite in ${folder}`, () => {
      const own = probes.filter(({ file }) => file.split('/')[1] === folder);
      assert.ok(own.length > 0);
      assert.deepEqual(own.flatMap(unexpected), []);
    });
  }

  function unexpected({ file, source, rule }: Probe): string[] {
    const rules = (found.get(file) ?? []).map(({ category }) => category);
    if (rule === undefined ? rules.length === 0 : rules.includes(rule)) return [];
    return [`${file} (${source.trim()}): expected ${rule ?? 'nothing'}, found ${rules.join(', ') || 'nothing'}`];
  }
});

describe('the tree', () => {
  it('has no folder whose place is not told', async () => {
    const entries = await readdir(path.join(ROOT, 'src'), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    assert.deepEqual(folders.sort(), [...FOLDERS].sort());
  });

  it('keeps every rule', async () => {
    const found = await lint(ROOT);
    assert.deepEqual(
      found.map(({ category, message, location }) => `${location?.path}: ${category}: ${message}`),
      [],
    );
  });
});
