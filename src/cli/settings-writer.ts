import { basename, dirname, extname } from 'node:path';
import { messageOf } from '../base/errors.js';
import { configurationError } from './exit-codes.js';

export interface SettingsStore {
  set(key: string, value: unknown): void;
  delete(key: string): void;
}

/**
 * Changes the settings file: private to the user, replaced as a whole. The library is loaded only here, for reading
 * needs nothing but a parser.
 * @throws CommandError (78) if the file cannot be written
 */
export async function writeSettings(path: string, change: (store: SettingsStore) => void): Promise<void> {
  const { default: Conf } = await import('conf');
  try {
    const extension = extname(path);
    const store = new Conf<Record<string, unknown>>({
      cwd: dirname(path),
      configName: basename(path, extension),
      fileExtension: extension.slice(1),
      configFileMode: 0o600,
      projectName: 'netmgr',
    });
    change({ set: (key, value) => store.set(key, value), delete: (key) => store.delete(key) });
  } catch (error) {
    throw configurationError(`the settings in ${path} cannot be written: ${messageOf(error)}`);
  }
}
