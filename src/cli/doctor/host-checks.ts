import type { Environment } from '../environment.js';
import type { SettingsSnapshot } from '../settings.js';
import { type Finding, fail, ok, warn } from './finding.js';

const NEEDED_NODE = { major: 20, minor: 19 } as const;

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fits = major > NEEDED_NODE.major || (major === NEEDED_NODE.major && minor >= NEEDED_NODE.minor);
  if (fits) return ok('node', `Node ${version}`);
  return fail('node', `Node ${version} is too old`, `Install ${NEEDED_NODE.major}.${NEEDED_NODE.minor} or newer.`);
}

function checkSettings({ path, problem }: SettingsSnapshot): Finding {
  return problem === undefined ? ok('settings', path) : fail('settings', problem.message, problem.hint);
}

/** A leader keeps so many for its own files; the rest are connections. */
const RESERVED_FILES = 256;
const FEW_FILES = 1024;

export function checkOpenFiles(limit: number | undefined): Finding {
  if (limit === undefined) return warn('open-files', 'how many files may be open at once is not known', 'ulimit -n');
  const text = Number.isFinite(limit)
    ? `at most ${limit} open files and sockets: a leader here takes up to ${Math.max(0, limit - RESERVED_FILES)} connections`
    : 'no limit on open files and sockets';
  if (limit >= FEW_FILES) return ok('open-files', text);
  return warn('open-files', text, 'ulimit -n 65536, or LimitNOFILE=65536 in the unit of systemd.');
}

/** So far the clocks of two hosts may be apart without anybody noticing. */
const FINE_MS = 5_000;
/** From here on certificates that are new to one are from the future to the other. */
const WRONG_MS = 300_000;

/** @param differenceMs how far the leader's clock is ahead of this host's; negative if behind */
export function checkClock(differenceMs: number, isRough: boolean): Finding {
  const far = Math.abs(differenceMs);
  const seconds = far < 10_000 ? `${Math.round(far / 100) / 10} s` : `${Math.round(far / 1000)} s`;
  const about = isRough ? 'about ' : '';
  const text = `this host's clock is ${about}${seconds} ${differenceMs > 0 ? 'behind' : 'ahead of'} the leader's`;
  if (far < FINE_MS) return ok('clock', `the clocks of this host and of the leader agree within ${FINE_MS / 1000} s`);
  const next = 'Set the one that is wrong: timedatectl set-ntp true; date -u shows what each says.';
  return far < WRONG_MS ? warn('clock', text, next) : fail('clock', text, next);
}

export const checkHost = (environment: Environment, settings: SettingsSnapshot): readonly Finding[] => [
  checkNode(environment.nodeVersion),
  checkSettings(settings),
  checkOpenFiles(environment.openFiles),
];
