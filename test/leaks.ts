import assert from 'node:assert/strict';
import { after } from 'node:test';

/** How long closing sockets and ending children may take to disappear after the last test. */
const SETTLE_MS = 1_000;
const POLL_MS = 10;

/** Passing states of things that are already closed, and the terminal of whoever runs one file by hand. */
const NOT_OURS: ReadonlySet<string> = new Set(['CloseReq', 'TTYWrap']);

/**
 * Fails the test file if it leaves anything behind: timers, immediates, sockets, servers, pipes, children, watchers
 * beyond those that the runner itself held when this was called, or clocks with something pending.
 * Call it once, at the top of a file, before anything is opened. Injected clocks see unref'd timers, which
 * `process.getActiveResourcesInfo()` does not.
 */
export function assertNothingLeft(...clocks: readonly { readonly pending: number }[]): void {
  const baseline = held();
  after(async () => {
    const deadline = performance.now() + SETTLE_MS;
    let left = beyond(baseline);
    while ((left.length > 0 || pendingIn(clocks) > 0) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      left = beyond(baseline);
    }
    assert.deepEqual(left, [], 'resources left open by this file');
    assert.equal(pendingIn(clocks), 0, 'timers left pending on an injected clock');
  });
}

/** How many of each kind are alive. The runner's pipes are stdio: opened here, or they would look new later. */
function held(): Map<string, number> {
  void process.stdout;
  void process.stderr;
  return count(process.getActiveResourcesInfo());
}

function count(kinds: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of kinds) if (!NOT_OURS.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

function beyond(baseline: ReadonlyMap<string, number>): string[] {
  const extra: string[] = [];
  for (const [kind, now] of count(process.getActiveResourcesInfo())) {
    const more = now - (baseline.get(kind) ?? 0);
    if (more > 0) extra.push(`${more} x ${kind}`);
  }
  return extra;
}

const pendingIn = (clocks: readonly { readonly pending: number }[]): number =>
  clocks.reduce((sum, clock) => sum + clock.pending, 0);
