import { createHash } from 'node:crypto';
import { closeSync, createReadStream, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { isErrorCode } from '../../base/errors.js';
import { EXIT, EXIT_OF } from '../exit-codes.js';
import { storageError, writeAll } from '../storage.js';
import { type InputItem, readItems } from './input.js';
import type { MapResult } from './result.js';

/** The columns of GNU parallel's --joblog; Command holds the type and a digest of the input, never the input. */
const HEADER = 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n';

export interface JobRow {
  /** From 1, as GNU parallel counts. */
  readonly sequence: number;
  readonly exitCode: number;
  readonly digest: string;
}

/** The first 64 bits of the SHA-256 of an input. */
export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** @returns undefined for the heading and for a line that is no row, such as one that was cut off */
export function parseRow(line: string): JobRow | undefined {
  const fields = line.split('\t');
  const digest = /sha256:([0-9a-f]{16})$/.exec(fields[8] ?? '')?.[1];
  const sequence = Number(fields[0]);
  const exitCode = Number(fields[6]);
  if (fields.length !== 9 || digest === undefined || !Number.isSafeInteger(sequence) || sequence < 1) return undefined;
  return Number.isInteger(exitCode) ? { sequence, exitCode, digest } : undefined;
}

export function formatRow(
  result: MapResult,
  item: InputItem,
  parts: { readonly type: string; readonly endedAt: number },
): string {
  const seconds = (ms: number) => (ms / 1000).toFixed(3);
  const received = result.ok ? (JSON.stringify(result.payload) ?? '').length : 0;
  const fields = [
    item.index + 1,
    result.node ?? '-',
    seconds(parts.endedAt - result.ms),
    seconds(result.ms),
    Buffer.byteLength(item.text),
    received,
    result.ok ? 0 : isErrorCode(result.error.code) ? EXIT_OF[result.error.code] : EXIT.failed,
    0,
    `${parts.type} sha256:${digestOf(item.text)}`,
  ];
  return `${fields.join('\t')}\n`;
}

/** What earlier runs have done: 8 bytes for each input. */
export class DoneInputs {
  #digests: Uint32Array = new Uint32Array(1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  set(row: JobRow): void {
    while (row.sequence >= this.#digests.length) {
      const larger = new Uint32Array(this.#digests.length * 2);
      larger.set(this.#digests);
      this.#digests = larger;
    }
    if (this.#digests[row.sequence] === 0) this.#count += 1;
    this.#digests[row.sequence] = shortDigest(row.digest);
  }

  delete(sequence: number): void {
    if (sequence >= this.#digests.length || this.#digests[sequence] === 0) return;
    this.#digests[sequence] = 0;
    this.#count -= 1;
  }

  /** Whether the input at this place was done, and still is the same. */
  has(item: InputItem): boolean {
    const known = this.#digests[item.index + 1];
    return known !== undefined && known !== 0 && known === shortDigest(digestOf(item.text));
  }
}

/** 32 bits that are never 0. */
const shortDigest = (digest: string): number => Number.parseInt(digest.slice(0, 8), 16) || 1;

/** No input has a higher number. */
const MAX_SEQUENCE = 2 ** 28;

/**
 * Reads what a log says was done; a later row of the same input replaces an earlier one.
 * @param failedToo whether an input that failed counts as done (`--resume`) or not (`--resume-failed`)
 */
export async function readJoblog(path: string, failedToo: boolean): Promise<DoneInputs> {
  const done = new DoneInputs();
  if (!existsSync(path)) return done;
  for await (const { text } of readItems(createReadStream(path), '\n')) {
    const row = parseRow(text);
    if (row === undefined || row.sequence > MAX_SEQUENCE) continue;
    if (row.exitCode === 0 || failedToo) done.set(row);
    else done.delete(row.sequence);
  }
  return done;
}

/** Appends rows to a log; each is in the file when `append` returns. */
export class Joblog {
  readonly #file: number;
  readonly #what: string;

  /** @throws CommandError: 78 if the file cannot be written, 75 if the disk is full */
  constructor(path: string, fresh: boolean) {
    this.#what = `--joblog ${path}`;
    try {
      this.#file = openSync(path, fresh ? 'w+' : 'a+', 0o600);
      this.#begin();
    } catch (error) {
      throw storageError(this.#what, error);
    }
  }

  /** @throws CommandError (75) if the disk is full */
  append(row: string): void {
    try {
      writeAll(this.#file, row);
    } catch (error) {
      throw storageError(this.#what, error);
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  /** A heading for a new file; a line's end after a row that was cut off. */
  #begin(): void {
    const { size } = fstatSync(this.#file);
    if (size === 0) {
      writeAll(this.#file, HEADER);
      return;
    }
    const last = Buffer.alloc(1);
    readSync(this.#file, last, 0, 1, size - 1);
    if (last[0] !== 0x0a) writeAll(this.#file, '\n');
  }
}
