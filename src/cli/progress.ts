import type { Environment } from './environment.js';
import { clip } from './table.js';
import { formatDuration } from './units.js';

export interface ProgressState {
  readonly done: number;
  readonly failed: number;
  readonly running: number;
  /** undefined while the input has not ended. */
  readonly total: number | undefined;
  /** Said after the numbers, for instance why nothing moves. */
  readonly remark?: string | undefined;
}

export interface Progress {
  update(state: ProgressState): void;
  /** Takes the bar away, so that what follows starts on a clean line. */
  clear(): void;
}

const nothing: Progress = { update: () => {}, clear: () => {} };
const REDRAW_MS = 100;

/** A bar on the terminal of stderr; nothing at all elsewhere, or where the cursor cannot be moved. */
export function createProgress(environment: Environment, quiet: boolean): Progress {
  const { stderr, clock, variables } = environment;
  if (stderr.isTTY !== true || variables['TERM'] === 'dumb' || quiet) return nothing;
  const startedAt = clock.now();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let shown = false;
  return {
    update: (state) => {
      const now = clock.now();
      if (now - drawnAt < REDRAW_MS) return;
      drawnAt = now;
      shown = true;
      stderr.write(`\r\x1b[2K${progressLine(state, now - startedAt, (stderr.columns || 80) - 1)}`);
    },
    clear: () => {
      if (shown) stderr.write('\r\x1b[2K');
      shown = false;
    },
  };
}

/** One line of at most `width` characters. */
export function progressLine(state: ProgressState, elapsedMs: number, width: number): string {
  const { done, failed, running, total } = state;
  const rate = elapsedMs > 0 ? (done * 1000) / elapsedMs : 0;
  const parts = [total === undefined ? `${done} done` : `${done}/${total}`];
  if (failed > 0) parts.push(`${failed} failed`);
  parts.push(`${running} running`, `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`);
  if (total !== undefined && rate > 0) parts.push(`${formatDuration(((total - done) * 1000) / rate)} left`);
  if (state.remark !== undefined) parts.push(state.remark);
  const text = parts.join('  ');
  const room = Math.min(40, width - text.length - 3);
  if (total === undefined || total === 0 || room < 8) return clip(text, width);
  const filled = Math.round((room * Math.min(done, total)) / total);
  return `[${'#'.repeat(filled)}${'-'.repeat(room - filled)}] ${text}`;
}
