import assert from 'node:assert/strict';
import { after } from 'node:test';
import { heldBeyond, heldResources } from '../src/testing/conformance/leftovers.js';

/** How long closing sockets and ending children may take to disappear after the last test. */
const SETTLE_MS = 1_000;
const POLL_MS = 10;

/**
 * Fails the test file if it leaves anything behind: timers, immediates, sockets, servers, pipes, children, watchers
 * beyond those that the runner itself held when this was called, or clocks with something pending.
 * Call it once, at the top of a file, before anything is opened. Injected clocks see unref'd timers, which
 * `process.getActiveResourcesInfo()` does not.
 */
export function assertNothingLeft(...clocks: readonly { readonly pending: number }[]): void {
  const baseline = heldResources();
  after(async () => {
    const deadline = performance.now() + SETTLE_MS;
    let left = heldBeyond(baseline);
    while ((left.length > 0 || pendingIn(clocks) > 0) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      left = heldBeyond(baseline);
    }
    assert.deepEqual(left, [], 'resources left open by this file');
    assert.equal(pendingIn(clocks), 0, 'timers left pending on an injected clock');
  });
}

const pendingIn = (clocks: readonly { readonly pending: number }[]): number =>
  clocks.reduce((sum, clock) => sum + clock.pending, 0);
