import { execFileSync } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { availableParallelism, homedir, hostname, networkInterfaces, tmpdir } from 'node:os';
import { SystemClock } from '../base/clock.js';
import { systemRandom } from '../base/random.js';
import type { Environment, SignalSource, StopSignal } from './environment.js';
import { EXIT } from './exit-codes.js';

/** This process and this machine. The only place of the CLI that touches `process` beside main. */
export function processEnvironment(): Environment {
  const variables = { ...process.env };
  // A secret: what runs in this process, or is started by it, has no business with it.
  delete process.env['NETMGR_TOKEN'];
  return {
    variables,
    // Opening stdin has effects: only who asks for it gets it.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    get stdinKind() {
      return stdinKind();
    },
    clock: new SystemClock(),
    random: systemRandom,
    signals: processSignals,
    platform: process.platform,
    get home() {
      return homedir();
    },
    get temporary() {
      return tmpdir();
    },
    get hostName() {
      return hostname();
    },
    get interfaces() {
      return Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    },
    nodeVersion: process.versions.node,
    get openFiles() {
      return openFiles();
    },
    uid: process.getuid?.(),
    pid: process.pid,
    get cores() {
      return availableParallelism();
    },
  };
}

function stdinKind(): Environment['stdinKind'] {
  if (process.stdin.isTTY) return 'terminal';
  try {
    const stat = fstatSync(0);
    if (stat.isFIFO()) return 'pipe';
    return stat.isFile() ? 'file' : 'other';
  } catch {
    return 'other';
  }
}

/** Asked of a shell, for Node does not tell. */
function openFiles(): number | undefined {
  try {
    const text = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return text.trim() === 'unlimited' ? Number.POSITIVE_INFINITY : Number.parseInt(text, 10) || undefined;
  } catch {
    return undefined;
  }
}

const processSignals: SignalSource = {
  on(listener) {
    const signals: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];
    const onSignal = (signal: NodeJS.Signals) => listener(signal as StopSignal);
    for (const signal of signals) process.on(signal, onSignal);
    return {
      [Symbol.dispose]: () => {
        for (const signal of signals) process.removeListener(signal, onSignal);
      },
    };
  },
  force(signal) {
    process.exit(signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated);
  },
};
