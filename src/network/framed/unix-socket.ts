import { lstat, mkdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { NetworkError } from '../../base/errors.js';

/** What `sockaddr_un` holds on Linux, without the terminating zero. */
const MAX_PATH_BYTES = 107;

/**
 * Makes way for a UNIX socket: creates its directory, removes a socket on which nobody answers.
 * @throws NetworkError INVALID_OPTION (path too long), ADDRESS_IN_USE, IO
 */
export async function prepareSocketPath(path: string): Promise<void> {
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES) {
    throw new NetworkError(
      'INVALID_OPTION',
      `the socket path ${path} has ${bytes} bytes; the operating system takes at most ${MAX_PATH_BYTES}`,
      { hint: 'Choose a shorter directory.' },
    );
  }
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const present = await inspect(path);
    if (present === undefined) return;
    if (present !== 'socket') {
      throw new NetworkError('ADDRESS_IN_USE', `${path} exists and is a ${present}, not a socket; it is left alone`);
    }
    if (await answers(path)) {
      throw new NetworkError('ADDRESS_IN_USE', `another process listens on ${path}`, {
        hint: 'Stop it, or choose another state directory.',
      });
    }
    await rm(path, { force: true });
  } catch (error) {
    if (error instanceof NetworkError) throw error;
    throw new NetworkError('IO', `cannot prepare the socket ${path}: ${(error as Error).message}`, { cause: error });
  }
}

async function inspect(path: string): Promise<'socket' | 'symbolic link' | 'file' | undefined> {
  try {
    const stats = await lstat(path);
    return stats.isSocket() ? 'socket' : stats.isSymbolicLink() ? 'symbolic link' : 'file';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Only a refusal proves that nobody is there: anything else, a full backlog say, is taken for life. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}
