import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Clock } from '../../base/clock.js';
import { isNetworkError, messageOf, type NetworkError } from '../../base/errors.js';
import { type Handler, type HandlerOptions, handle } from '../../manager/handler.js';
import { visible } from '../../message/escape.js';
import { configurationError } from '../exit-codes.js';

/** How long a module may take to load, its top-level await included. */
const LOAD_MS = 30_000;
const SHOWN_CHARACTERS = 300;
const OPTIONS: readonly string[] = ['input', 'output', 'concurrency', 'queue', 'timeoutMs'];
const FORMS =
  'export default { TYPE: (payload, context) => answer, … }, or { TYPE: { input, concurrency, queue, timeoutMs, run } }, ' +
  "or [handle('TYPE', options, run), …]";

/**
 * Imports the module of `--handlers FILE` and reads its default export: an object of types with a function or
 * `{ run, … }` each, or a list of handlers made by `handle`.
 * @throws NetworkError INVALID_OPTION (exit 78) naming the file, the reason and the accepted forms
 */
export async function loadHandlerModule(path: string, clock: Clock): Promise<Handler[]> {
  const file = resolve(path);
  const fail = (problem: string): NetworkError => configurationError(`--handlers ${visible(path)}: ${problem}`, FORMS);
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) throw fail(found.code === 'ENOENT' ? 'the file does not exist' : messageOf(found));
  if (!found.isFile()) throw fail('it is not a file');
  const module = await inTime(import(pathToFileURL(file).href), clock).catch((error: unknown) => {
    throw fail(`it cannot be imported: ${describe(error)}`);
  });
  const exported: unknown = (module as { readonly default?: unknown }).default;
  try {
    return readExport(exported);
  } catch (error) {
    throw fail(isNetworkError(error) ? error.message : messageOf(error));
  }
}

/** A module that waits for ever at its top level must not make `join` wait for ever. */
function inTime<T>(loading: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((onLoaded, onFailed) => {
    const timer = clock.setTimer(LOAD_MS, () => onFailed(new Error(`it did not finish within ${LOAD_MS / 1000} s`)));
    loading.then(onLoaded, onFailed).finally(() => timer.cancel());
  });
}

function describe(error: unknown): string {
  const kind = error instanceof Error && error.name !== 'Error' ? `${error.name}: ` : '';
  return visible(`${kind}${messageOf(error)}`, SHOWN_CHARACTERS);
}

function readExport(exported: unknown): Handler[] {
  if (exported === undefined) throw new Error('it has no default export');
  if (exported === null) throw new Error('its default export is null');
  if (typeof exported !== 'object') throw new Error(`its default export is a ${typeof exported}`);
  const handlers = Array.isArray(exported)
    ? exported.map(readHandler)
    : Object.entries(exported).map(([type, entry]) => readEntry(type, entry));
  if (handlers.length === 0) throw new Error('its default export has no handlers');
  const types = new Set<string>();
  for (const { type } of handlers) {
    if (types.has(type)) throw new Error(`'${type}' has two handlers`);
    types.add(type);
  }
  return handlers;
}

/** An element of a list: what `handle` made, of this copy of the library or another. */
function readHandler(element: unknown, index: number): Handler {
  const { type, options, run } = (element ?? {}) as Partial<Record<keyof Handler, unknown>>;
  if (typeof type !== 'string' || typeof run !== 'function') {
    throw new Error(`element ${index} of its default export was not made by handle(type, options, run)`);
  }
  return build(type, options ?? {}, run);
}

function readEntry(type: string, entry: unknown): Handler {
  if (typeof entry === 'function') return build(type, {}, entry);
  if (typeof entry !== 'object' || entry === null) throw new Error(`'${visible(type)}' is no function and has no run`);
  const { run, ...options } = entry as Record<string, unknown>;
  if (typeof run !== 'function') throw new Error(`'${visible(type)}' has no function run`);
  return build(type, options, run);
}

function build(type: string, options: unknown, run: unknown): Handler {
  const shown = visible(type);
  if (typeof options !== 'object' || options === null) throw new Error(`'${shown}': its options are no object`);
  for (const [name, value] of Object.entries(options)) {
    if (!OPTIONS.includes(name)) {
      throw new Error(`'${shown}' has an option '${visible(name)}'; there are ${OPTIONS.join(', ')}`);
    }
    if ((name === 'input' || name === 'output') && value !== undefined && !isSchema(value)) {
      throw new Error(`'${shown}': ${name} is no schema of a Standard Schema library (zod, valibot, arktype, …)`);
    }
  }
  try {
    return handle(type, options as HandlerOptions, run as Handler['run']);
  } catch (error) {
    throw new Error(`'${shown}': ${messageOf(error)}`);
  }
}

/** Schemas may be functions (arktype's are). */
function isSchema(value: unknown): value is StandardSchemaV1 {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard = (value as { readonly '~standard'?: { readonly validate?: unknown } })['~standard'];
  return typeof standard?.validate === 'function';
}
