import { deferred } from '../../base/deferred.js';
import { NetworkError } from '../../base/errors.js';
import type { Directory } from './directory.js';
import type { HeldRequests } from './held.js';
import type { Hub } from './hub.js';
import type { HttpServer } from './server.js';

export interface ShutDownParts {
  readonly hub: Hub;
  readonly directory: Directory;
  readonly held: HeldRequests;
  readonly server: HttpServer | undefined;
}

/** Resolves when nothing is open any more. @param graceMs for what is under way */
export async function shutDown(parts: ShutDownParts, graceMs: number): Promise<void> {
  const { hub, directory, held } = parts;
  const reason = new NetworkError('STOPPED', `${hub.wiring.self} was stopped`);
  hub.stopping = true;
  await quiet(parts, () => held.size === 0 && linesIdle(directory), graceMs);
  held.fail(new NetworkError('CLOSED', `${hub.wiring.self} was stopped before it was done`));
  for (const line of directory.lines()) if (!line.idle) line.cut(reason);
  sayGoodbye(parts);
  await quiet(parts, () => linesIdle(directory), hub.limits.closeTimeoutMs);
  for (const remote of directory.remotes()) {
    if (remote.line?.idle === false) hub.counters.terminatedAtStop += 1;
    remote.line?.close(reason);
    remote.lost(reason);
    directory.forget(remote);
  }
  await lastAnswers(parts);
}

function linesIdle(directory: Directory): boolean {
  for (const line of directory.lines()) if (!line.idle) return false;
  return true;
}

/** Waits until it is so, for a while. */
async function quiet({ hub }: ShutDownParts, isSo: () => boolean, ms: number): Promise<void> {
  if (isSo()) return;
  const done = deferred();
  hub.progressed = () => {
    if (isSo()) done.resolve();
  };
  const timer = hub.wiring.clock.setTimer(ms, done.resolve);
  await done.promise;
  timer.cancel();
  hub.progressed = () => {};
}

function sayGoodbye({ hub, directory }: ShutDownParts): void {
  const { stamp } = hub.wiring;
  for (const { node, peer } of directory.remotes()) {
    const line = peer && directory.lineTo(node);
    if (line === undefined) continue;
    const goodbye = stamp.make({ kind: 'control', type: 'goodbye', to: node, payload: { reason: 'stopping' } });
    line.send(goodbye, line.codec.encode(goodbye));
  }
}

/** What was answered last may still be on its way into the sockets. */
async function lastAnswers({ hub, server }: ShutDownParts): Promise<void> {
  if (server === undefined) return;
  server.stop();
  const timer = hub.wiring.clock.setTimer(hub.limits.closeTimeoutMs, () => {
    hub.counters.terminatedAtStop += server.destroy();
  });
  await server.closed;
  timer.cancel();
}
