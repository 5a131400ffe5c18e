/** What one check has found. */
export interface Finding {
  /** A short word for what was looked at: stable, for scripts. */
  readonly check: string;
  readonly level: 'ok' | 'warn' | 'fail';
  /** One sentence, lower case, with the values. */
  readonly detail: string;
  /** What to do about it. */
  readonly next?: string | undefined;
}

export const ok = (check: string, detail: string): Finding => ({ check, level: 'ok', detail });
export const warn = (check: string, detail: string, next?: string): Finding => ({ check, level: 'warn', detail, next });
export const fail = (check: string, detail: string, next?: string): Finding => ({ check, level: 'fail', detail, next });
