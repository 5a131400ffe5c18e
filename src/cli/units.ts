import { usageError } from './exit-codes.js';

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** `250ms`, `5s`, `2m`, `1h`, `7d`, `1.5h`; in milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)([A-Za-z]{1,3})$/.exec(text.trim());
  const unit = match?.[2] === undefined ? undefined : unitOf(match[2]);
  if (match === null || unit === undefined) {
    throw usageError(
      `'${text}' is not a duration such as 250ms, 5s, 2m or 1h`,
      /^\d+$/.test(text) ? 'A number needs its unit.' : undefined,
    );
  }
  return Number(match[1]) * unit;
}

function unitOf(name: string): number | undefined {
  return Object.hasOwn(DURATION_UNITS, name) ? DURATION_UNITS[name] : undefined;
}

/** An integer from `low` to `high`. */
export function parseInteger(text: string, low: number, high: number): number {
  const value = /^\d{1,15}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(value >= low && value <= high)) throw usageError(`'${text}' is not a whole number from ${low} to ${high}`);
  return value;
}

/** For people: `850ms`, `5s`, `1m 1s`, `2h 5m`, `3d 4h`: the two largest units. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 10_000) return `${Math.floor(ms / 100) / 10}s`;
  const seconds = Math.floor(ms / 1000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value}${unit}`)
    .join(' ');
}

/** For people: `0.4ms`, `12ms`, `1.2s`. */
export function formatMilliseconds(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10}ms`;
  return ms < 1000 ? `${Math.round(ms)}ms` : formatDuration(ms);
}

/** For people: `512 B`, `64.0 KiB`, `1.5 MiB`. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`;
}
