/** How long a command takes from its start to its end, beside an empty node program. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { show } from '../format.js';
import { Child } from '../host.js';
import { NETMGR } from '../leader.js';
import { median, medianRatio } from '../measure.js';
import { rowOf, target } from '../target.js';

export const name = 'start-up';
export const cases = ['start-up'];

/** @param {string} stateDir */
const commandsOf = (stateDir) => ({
  'node -e 0': ['-e', '0'],
  'netmgr --version': [NETMGR, '--version'],
  'netmgr status': [NETMGR, 'status', '--state-dir', stateDir],
});

/**
 * @param {import('../run.js').Plan} plan
 * @returns {Promise<import('../report.js').Row[]>}
 */
export async function run({ progress, effort }) {
  const { runs } = effort.startUp;
  const stateDir = await mkdtemp(join(tmpdir(), 'netmgr-bench-'));
  const environment = { ...process.env, NETMGR_CONFIG_DIR: join(stateDir, 'config') };
  const leader = new Child({});
  try {
    await leader.call('lead', { stateDir, environment });
    progress(`start-up, ${runs} runs of each command`);
    return await measure(commandsOf(stateDir), runs, environment);
  } finally {
    await leader.end();
    await rm(stateDir, { recursive: true, force: true });
  }
}

/**
 * @param {Record<string, string[]>} commands
 * @param {number} runs
 * @param {NodeJS.ProcessEnv} environment
 */
async function measure(commands, runs, environment) {
  /** @type {Record<string, number[]>} */
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let round = -1; round < runs; round += 1) {
    for (const [name, argv] of Object.entries(commands)) {
      const ms = await wallTime(argv, environment);
      // Round -1 fills the page cache and is not counted.
      if (round >= 0) times[name].push(ms);
    }
  }
  const base = times['node -e 0'];
  return Object.entries(times).map(([name, ms]) => ({
    workload: 'start-up',
    case: 'start-up',
    peer: name,
    rounds: ms.length,
    wallMs: median(ms),
    nodeRatio: medianRatio(ms, base),
  }));
}

/** @param {string[]} argv @param {NodeJS.ProcessEnv} env @returns {Promise<number>} */
const wallTime = (argv, env) =>
  new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'], env });
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve(performance.now() - start);
      else reject(new Error(`node ${argv.join(' ')} ended with ${code}: ${said}`));
    });
  });

/** @type {import('../report.js').Workload['columns']} */
export const columns = {
  case: (row) => row.case,
  command: (row) => row.peer,
  ms: (row) => show(row.wallMs),
  '× node': (row) => show(row.nodeRatio),
};

/** @type {import('../report.js').Workload['targets']} */
export const targets = (rows) => [
  ...target('netmgr --version : node -e 0', rowOf(rows, name, 'netmgr --version')?.nodeRatio, '<=', 2),
  ...target('netmgr status : node -e 0', rowOf(rows, name, 'netmgr status')?.nodeRatio, '<=', 4),
];
