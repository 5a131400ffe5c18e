import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { assertNothingLeft } from '../leaks.js';

assertNothingLeft();

const ROOT = path.resolve(import.meta.dirname, '../../..');
const run = promisify(execFile);

/** npm as anyone would run it: on the Node under test, and not as a part of the npm that runs the tests. */
function environment(): NodeJS.ProcessEnv {
  const foreign = ['npm_config_local_prefix', 'npm_config_prefix', 'npm_config_global_prefix', 'INIT_CWD'];
  const kept = Object.entries(process.env).filter(([name]) => !foreign.includes(name));
  return {
    ...Object.fromEntries(kept),
    PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH ?? ''}`,
    NO_COLOR: '1',
  };
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string; readonly size: number; readonly mode: number }[];
}

/** A first program with the library. */
const CONSUMER = `
import { createCollaborator, createLeader, handle } from 'netmgr';
import { InMemoryNetwork } from 'netmgr/testing';

const upper = handle('upper', {}, (payload) => String(payload).toUpperCase());

await using leader = await createLeader({ listen: { port: 0 } });
const { token } = await leader.security.invites.create({ role: 'collaborator' });
await using collaborator = await createCollaborator({ name: 'w1', leader: leader.address, token, handlers: [upper] });
const answer: string = await leader.request(upper, 'hello');
console.log(answer, leader.address.startsWith('wss:'), typeof InMemoryNetwork);
`;

describe('the package', () => {
  let folder: string;
  let packed: Packed;
  const env = environment();
  const inFolder = (command: string, args: readonly string[]) => run(command, args, { cwd: folder, env });

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'netmgr-package-'));
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
    const { stdout } = await run('npm', args, { cwd: ROOT, env, maxBuffer: 16 << 20 });
    packed = Object.values(JSON.parse(stdout) as Record<string, Packed>)[0] as Packed;
    await writeFile(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
    await inFolder('npm', [
      'install',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      path.join(folder, packed.filename),
    ]);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('holds what users need and nothing else', () => {
    const files = packed.files.map((file) => file.path);
    for (const needed of [
      'package.json',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'bin/netmgr.js',
      'dist/src/index.js',
    ]) {
      assert.ok(files.includes(needed), `${needed} is missing`);
    }
    const known =
      /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|bin\/|docs\/|examples\/|dist\/src\/.*\.(js|d\.ts|js\.map)$)/;
    assert.deepEqual(
      files.filter((file) => !known.test(file) || /node_modules|\.test\.|tsbuildinfo/.test(file)),
      [],
    );
    assert.equal((packed.files.find((file) => file.path === 'bin/netmgr.js')?.mode ?? 0) & 0o111, 0o111);
  });

  it('has source maps that carry their sources', async () => {
    const maps = packed.files.map((file) => file.path).filter((file) => file.endsWith('.map'));
    assert.ok(maps.length > 0);
    for (const map of maps) {
      const { sourcesContent } = JSON.parse(await readFile(path.join(folder, 'node_modules/netmgr', map), 'utf8'));
      assert.equal(typeof sourcesContent?.[0], 'string', `${map} points at a source that is not in the package`);
    }
  });

  it('installs a command', async () => {
    const { version } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
    const netmgr = path.join(folder, 'node_modules/.bin/netmgr');
    const shown = await inFolder(netmgr, ['--version']);
    assert.equal(shown.stdout, `${version}\n`);
    const help = await inFolder(netmgr, ['--help']);
    for (const command of ['lead', 'join', 'status']) assert.match(help.stdout, new RegExp(`\\b${command}\\b`));
  });

  it('can be imported', async () => {
    const program = `
      import * as netmgr from 'netmgr';
      import * as testing from 'netmgr/testing';
      console.log(JSON.stringify([Object.keys(netmgr), Object.keys(testing)]));`;
    const { stdout } = await inFolder(process.execPath, ['--input-type=module', '--eval', program]);
    const [netmgr, testing] = JSON.parse(stdout) as [string[], string[]];
    for (const name of ['createLeader', 'createCollaborator', 'connectOperator'])
      assert.ok(netmgr.includes(name), name);
    assert.ok(testing.includes('InMemoryNetwork'));
  });

  it('keeps the rest to itself', async () => {
    const program = `import('netmgr/dist/src/index.js').then(() => 'open', (error) => error.code).then(console.log)`;
    const { stdout } = await inFolder(process.execPath, ['--input-type=module', '--eval', program]);
    assert.equal(stdout, 'ERR_PACKAGE_PATH_NOT_EXPORTED\n');
  });

  it('has types that stand on their own, and works for a program compiled against them', async () => {
    // Node's types and no others: our own dependencies' types are not the user's to install.
    const typeRoot = path.join(folder, 'types');
    await mkdir(typeRoot);
    await symlink(path.join(ROOT, 'node_modules/@types/node'), path.join(typeRoot, 'node'), 'junction');
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2022',
      lib: ['es2023', 'esnext.disposable'],
      strict: true,
      skipLibCheck: false,
      typeRoots: [typeRoot],
      types: ['node'],
    };
    await writeFile(path.join(folder, 'program.ts'), CONSUMER);
    await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
    await inFolder(process.execPath, [tsc, '-p', folder]).catch((error) =>
      assert.fail(`${error.stdout}${error.stderr}`),
    );
    // It ends by itself: nothing is left when the leader and the collaborator are disposed of.
    const { stdout } = await inFolder(process.execPath, ['program.js']);
    assert.equal(stdout, 'HELLO true function\n');
  });
});
