/** A process of its own that reads a bomb from a file: tells what was made of it, and how far its memory grew. */
import { readFileSync } from 'node:fs';
import { DEFAULT_DECODE_LIMITS } from '../../src/message/codec.js';
import { codecNamed } from '../../src/message/codecs.js';

export interface BombReport {
  /** Of the errors, one for each way to read it; undefined where there was none. */
  readonly codes: readonly (string | undefined)[];
  readonly grownBytes: number;
}

const [file = '', codecName = '', maxFrameBytes = ''] = process.argv.slice(2);
const limits = { ...DEFAULT_DECODE_LIMITS, maxFrameBytes: Number(maxFrameBytes) };

function codeOf(frame: Buffer, lazy: boolean): string | undefined {
  try {
    codecNamed(codecName)?.decode(frame, limits, { lazy });
    return undefined;
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  }
}

/** The most that this process ever had, in bytes. */
const peak = (): number => process.resourceUsage().maxRSS * 1024;

const frame = readFileSync(file);
const before = peak();
const codes = [false, true].map((lazy) => codeOf(frame, lazy));
process.send?.({ codes, grownBytes: peak() - before } satisfies BombReport);
