import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The same attack each time unless this names another one. */
export const SEED: string = process.env['NETMGR_ATTACK_SEED'] ?? '1';

/** Runs an attack; what goes wrong names the seed that makes it go wrong again. */
export async function replayable(attack: (seed: string) => void | Promise<void>, seed: string = SEED): Promise<void> {
  try {
    await attack(seed);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`with NETMGR_ATTACK_SEED=${seed}: ${text}`, { cause });
  }
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes in use once everything that can be let go is gone. */
export function heapAfterCollection(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
