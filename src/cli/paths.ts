import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Environment } from './environment.js';

/** sockaddr_un holds 108 bytes on Linux, the last a NUL; BSDs and macOS hold 104. */
const LONGEST_SOCKET_PATH = { linux: 107, other: 103 };

/** `--config-dir`, else the platform's directory for settings. */
export function settingsDirectory(environment: Environment, chosen: string | undefined): string {
  if (chosen !== undefined) return chosen;
  const { platform, variables, home } = environment;
  if (platform === 'darwin') return join(home, 'Library', 'Preferences', 'netmgr');
  if (platform === 'win32') return join(variables['APPDATA'] || join(home, 'AppData', 'Roaming'), 'netmgr', 'Config');
  return join(variables['XDG_CONFIG_HOME'] || join(home, '.config'), 'netmgr');
}

/** `--state-dir` as it is, else the platform's directory for state and in it the cluster's. */
export function stateDirectory(environment: Environment, chosen: string | undefined, cluster: string): string {
  if (chosen !== undefined) return chosen;
  const { platform, variables, home } = environment;
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'netmgr', cluster);
  if (platform === 'win32') {
    return join(variables['LOCALAPPDATA'] || join(home, 'AppData', 'Local'), 'netmgr', 'State', cluster);
  }
  return join(variables['XDG_STATE_HOME'] || join(home, '.local', 'state'), 'netmgr', cluster);
}

export const leaderDirectory = (state: string): string => join(state, 'leader');
export const nodesDirectory = (state: string): string => join(state, 'nodes');
export const nodeDirectory = (state: string, node: string): string => join(state, 'nodes', node);

/** Where the key of a named context is. */
export const contextDirectory = (state: string, context: string): string => join(state, 'contexts', context);

export const leaderSocket = (environment: Environment, state: string): string =>
  socketPath(environment, join(leaderDirectory(state), 'leader.sock'));

export const nodeSocket = (environment: Environment, state: string, node: string): string =>
  socketPath(environment, join(nodeDirectory(state, node), 'node.sock'));

/**
 * The path itself, or, where the platform cannot bind one that long, a short name made from its hash: everyone
 * who starts from the same state directory comes to the same name. A named pipe on Windows.
 */
function socketPath(environment: Environment, path: string): string {
  const { platform, variables, temporary, uid } = environment;
  const short = createHash('sha256').update(path).digest('hex').slice(0, 20);
  if (platform === 'win32') return `\\\\.\\pipe\\netmgr-${short}`;
  const longest = platform === 'linux' ? LONGEST_SOCKET_PATH.linux : LONGEST_SOCKET_PATH.other;
  if (Buffer.byteLength(path) <= longest) return path;
  const runtime = variables['XDG_RUNTIME_DIR'];
  const directory = runtime ? join(runtime, 'netmgr') : join(temporary, `netmgr-${uid ?? 'user'}`);
  return join(directory, `${short}.sock`);
}
