import type { Log } from '../../base/log.js';
import type { LeaderEvent } from '../../role/collaborator.js';
import { formatDuration } from '../units.js';

/** Tells the log what happens between a collaborator and its leader. */
export function narrate(log: Log, event: LeaderEvent): void {
  switch (event.type) {
    case 'joined':
      log.info({ leader: event.leader, cluster: event.cluster }, event.again ? 'back with the leader' : 'joined');
      return;
    case 'lost':
      // We are the ones who leave, or the command's own error says it.
      if (event.error.code === 'STOPPED' || event.error.code === 'EVICTED') return;
      log.warn(
        { leader: event.leader, code: event.error.code },
        event.left ? 'the leader said goodbye; waiting for it to come back' : 'lost the leader; dialling again',
      );
      return;
    case 'unreachable': {
      if (!isTold(event.attempt)) return;
      const { address, attempt, error } = event;
      const retryIn = formatDuration(event.retryInMs);
      log.warn(
        { address, attempt, code: error.code, why: error.message },
        `the leader cannot be reached; retrying in ${retryIn}`,
      );
      return;
    }
    case 'refused':
      // The command's own error says it.
      return;
  }
}

const EVERY = 100;

/** The first few attempts, then ever fewer: an absent leader must not fill a disk with its absence. */
const isTold = (attempt: number): boolean => attempt % EVERY === 0 || (attempt & (attempt - 1)) === 0;
