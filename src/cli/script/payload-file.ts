import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, NetworkError } from '../../base/errors.js';

/** Payloads as files (`--payload file`) in a directory that only this user can enter; made when the first is needed. */
export class PayloadFiles {
  readonly #parent: string;
  #directory: Promise<string> | undefined;
  #count = 0;

  /** @param parent where the directory is made; default the system's place for temporary files */
  constructor(parent: string = tmpdir()) {
    this.#parent = parent;
  }

  /**
   * A new file, readable by this user only.
   * @returns its path
   * @throws NetworkError HANDLER_RETRY if it cannot be written
   */
  async write(payload: string | Uint8Array): Promise<string> {
    try {
      return await this.#write(payload).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        // Whoever tidies up temporary files may have removed a directory that was unused for days.
        this.#directory = undefined;
        return this.#write(payload);
      });
    } catch (error) {
      throw new NetworkError('HANDLER_RETRY', `the payload could not be put into a file: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** The script may have removed it already. */
  async remove(path: string): Promise<void> {
    await unlink(path).catch(() => {});
  }

  /** Removes the directory and everything in it. */
  async clear(): Promise<void> {
    const directory = await this.#directory?.catch(() => undefined);
    this.#directory = undefined;
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }

  async #write(payload: string | Uint8Array): Promise<string> {
    this.#directory ??= mkdtemp(join(this.#parent, 'netmgr-payload-'));
    this.#count += 1;
    // Not named after the message: an id from outside has no place in a path.
    const name = String(this.#count);
    const path = join(await this.#directory, name);
    await writeFile(path, payload, { mode: 0o600, flag: 'wx' });
    return path;
  }
}
