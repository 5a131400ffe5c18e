import type { CollaboratorStatus } from '../role/status.js';
import type { Invocation } from './command.js';
import { connect } from './connect.js';
import type { Environment } from './environment.js';
import { collaboratorSockets, invocationState } from './target.js';

/**
 * What this host's collaborators say of themselves.
 * A socket that nobody answers is left out: its process is gone.
 */
export async function localCollaborators(
  environment: Environment,
  invocation: Invocation,
  timeoutMs: number,
): Promise<readonly CollaboratorStatus[]> {
  const state = invocationState(environment, invocation);
  const views = collaboratorSockets(environment, state).map(async ({ path }) => {
    try {
      const operator = await connect(environment, { kind: 'socket', path }, { timeoutMs, signal: invocation.signal });
      try {
        return await operator.selfStatus({ signal: invocation.signal });
      } finally {
        await operator.stop();
      }
    } catch {
      return undefined;
    }
  });
  return (await Promise.all(views)).filter((view) => view !== undefined);
}
