/**
 * Side-by-side benchmarks against peers: `npm run bench -- [WORKLOAD ...] [--json] [--only REGEX] [--rounds N] [--quick]`.
 * The result goes to stdout, progress to stderr. bench/README.md says how to read it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * What a workload is told.
 * @typedef {object} Plan
 * @property {(name: string) => boolean} wants whether a case was asked for
 * @property {(text: string) => void} progress
 * @property {Effort} effort
 */

/** How much is done for each workload. @typedef {typeof FULL} Effort */

const FULL = {
  request: { rounds: 3, passes: 1, compileMs: 4000, warmUpMs: 500, measureMs: 1000 },
  transports: { rounds: 3, passes: 2, compileMs: 3000, warmUpMs: 100, measureMs: 300 },
  codecs: { rounds: 2, passes: 1, compileMs: 1000, warmUpMs: 100, measureMs: 200 },
  streams: { rounds: 3, mib: 256, warmUpMib: 128 },
  startUp: { runs: 21 },
  idle: { connections: 5000, rounds: 3, watchMs: 20_000 },
};
/** @type {Effort} */
const QUICK = {
  request: { rounds: 1, passes: 1, compileMs: 400, warmUpMs: 200, measureMs: 300 },
  transports: { rounds: 1, passes: 1, compileMs: 400, warmUpMs: 100, measureMs: 200 },
  codecs: { rounds: 1, passes: 1, compileMs: 400, warmUpMs: 100, measureMs: 200 },
  streams: { rounds: 1, mib: 32, warmUpMib: 8 },
  startUp: { runs: 3 },
  idle: { connections: 500, rounds: 1, watchMs: 3000 },
};

const WORKLOADS = ['request', 'transports', 'codecs', 'streams', 'start-up', 'idle'];

const USAGE = `usage: npm run bench -- [WORKLOAD ...] [options]
  WORKLOAD       ${WORKLOADS.join(', ')} (default: all)
  --json         one JSON document on stdout instead of the table
  --only REGEX   only the cases that match, e.g. 'request/8', 'transports/64'
  --rounds N     rounds of request (default ${FULL.request.rounds}), transports and codecs (default ${FULL.transports.rounds})
  --quick        a short look: one round, small numbers; not for figures
`;

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
    throw new Error(`--rounds is ${values.rounds}, it must be a whole number above 0`);
  }
  for (const name of positionals) {
    if (!WORKLOADS.includes(name)) throw new Error(`there is no workload '${name}', only ${WORKLOADS.join(', ')}`);
  }
  return {
    ...values,
    workloads: positionals.length > 0 ? positionals : WORKLOADS,
    only: new RegExp(values.only),
    rounds,
  };
}

/** @param {{ quick: boolean, rounds: number | undefined }} options @returns {Effort} */
function effortOf({ quick, rounds }) {
  const effort = quick ? QUICK : FULL;
  if (rounds === undefined) return effort;
  return {
    ...effort,
    request: { ...effort.request, rounds },
    transports: { ...effort.transports, rounds },
    codecs: { ...effort.codecs, rounds },
  };
}

/** The peers belong to the bench alone; they are installed here when they are missing. */
function installPeers() {
  const directory = fileURLToPath(new URL('.', import.meta.url));
  if (existsSync(new URL('node_modules/.package-lock.json', import.meta.url))) return;
  process.stderr.write('installing the peers in bench/\n');
  const { status } = spawnSync('npm', ['ci', '--no-fund', '--no-audit'], {
    cwd: directory,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`npm ci in bench/ ended with ${status}`);
}

/** @param {string} pinning */
const machineOf = (pinning) => ({
  node: process.version,
  cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  pinning,
  loadAtStart: Math.round(/** @type {number} */ (loadavg()[0]) * 100) / 100,
});

async function main() {
  const options = readArguments();
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  installPeers();
  // Only now: these import the peers.
  const { pinning } = await import('./host.js');
  const { toJson, toTable } = await import('./report.js');
  /** @type {import('./report.js').Workload[]} */
  const workloads = await Promise.all(options.workloads.map((name) => import(`./workloads/${name}.js`)));
  const machine = machineOf(pinning);
  /** @type {Plan} */
  const plan = {
    effort: effortOf(options),
    wants: (name) => options.only.test(name),
    progress: (text) => void process.stderr.write(`${text}\n`),
  };
  /** @type {import('./report.js').Row[]} */
  const rows = [];
  for (const workload of workloads) {
    if (workload.cases.some(plan.wants)) rows.push(...(await workload.run(plan)));
  }
  process.stdout.write(`${options.json ? toJson(workloads, rows, machine) : toTable(workloads, rows, machine)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
