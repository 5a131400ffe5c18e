/** Passing states of what is closed already, and the terminal of whoever runs a file by hand. */
const NOT_OURS: ReadonlySet<string> = new Set(['CloseReq', 'TTYWrap']);

/** How many resources of each kind keep this process alive: timers, sockets, servers, children. */
export function heldResources(): ReadonlyMap<string, number> {
  // Pipes for stdio are made when first asked for: later they would look new.
  void process.stdout;
  void process.stderr;
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!NOT_OURS.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** What is held now beyond what was held then, as `2 x TCPSocketWrap`. */
export function heldBeyond(baseline: ReadonlyMap<string, number>): string[] {
  const extra: string[] = [];
  for (const [kind, now] of heldResources()) {
    const more = now - (baseline.get(kind) ?? 0);
    if (more > 0) extra.push(`${more} x ${kind}`);
  }
  return extra;
}
