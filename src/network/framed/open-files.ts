import { readFileSync } from 'node:fs';

/** What is taken where the system does not say: Node raises the soft limit to the hard one, which is far above. */
const UNKNOWN = 10_240;
/** For files, journals, clients of the UNIX socket, and sockets that have not authenticated. */
const RESERVED = 256;

/** How many connections this process has room for: its limit of open files, less 256, or a quarter of a small one. */
export function connectionsByOpenFiles(limits: string = limitsOfProcess()): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  const files = soft === undefined ? UNKNOWN : soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
  return Math.max(1, files - Math.min(RESERVED, Math.floor(files / 4)));
}

function limitsOfProcess(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
