import type { Clock } from '../../base/clock.js';
import { NetworkError, toNetworkError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { NodeId } from '../../base/names.js';
import type { HandlerContext } from '../../manager/handler.js';
import { visible } from '../../message/escape.js';
import type { ScriptBinding } from './binding.js';
import type { ScriptCounters } from './counters.js';
import { type Environment, messageEnvironment } from './environment.js';
import { startFailure } from './executable.js';
import { scriptInput, scriptOutput } from './payload.js';
import type { PayloadFiles } from './payload-file.js';
import type { Exit, ProcessGroup } from './process-group.js';
import type { ProcessGroups } from './process-groups.js';
import { StderrLog } from './stderr.js';

/** What a script may write to stdout for one message. */
const MAX_OUTPUT_BYTES: number = 1024 * 1024;
/** Aborted scripts that may still be on their way out; while there are as many, nothing new is started. */
const MAX_LEFTOVERS = 256;
/** EX_TEMPFAIL of sysexits.h. */
const TRY_AGAIN = 75;

/** What all messages of one script share. */
export interface ScriptParts {
  readonly binding: ScriptBinding;
  readonly environment: Environment;
  readonly groups: ProcessGroups;
  readonly files: PayloadFiles;
  readonly log: Log;
  readonly clock: Clock;
  readonly node: NodeId;
  readonly counters: ScriptCounters;
}

/**
 * Runs the script for one message: one process, its answer or its error. Settles at once when the context's signal
 * fires; the process group is then sent TERM, and KILL after 10 s, under the eyes of `groups`.
 * @throws NetworkError HANDLER_FAILED, HANDLER_RETRY, OVERLOADED, or the reason of the signal
 */
export async function runScript(parts: ScriptParts, payload: unknown, context: HandlerContext): Promise<unknown> {
  const { binding, files, groups, counters, node } = parts;
  if (groups.ending >= MAX_LEFTOVERS) {
    counters.refusedForLeftovers += 1;
    const text = `${groups.ending} scripts that were told to end are still running, the limit`;
    throw new NetworkError('OVERLOADED', `'${binding.type}' on ${node}: ${text}`);
  }
  counters.runs += 1;
  refuseAborted(parts, context);
  const input = scriptInput(payload);
  if (binding.payload === 'stdin') return new ScriptRun(parts, context, { input }).answer;
  const path = await files.write(input);
  if (context.signal.aborted) await files.remove(path);
  refuseAborted(parts, context);
  const run = new ScriptRun(parts, context, { path });
  void run.gone.then(() => files.remove(path));
  return run.answer;
}

/** Whoever gave up already gets no process. */
function refuseAborted({ counters }: ScriptParts, { signal }: HandlerContext): void {
  if (!signal.aborted) return;
  counters.aborted += 1;
  throw toNetworkError(signal.reason, 'CANCELLED');
}

/** Either the bytes for stdin, or the file that they are in. */
interface Handover {
  readonly input?: string | Uint8Array;
  readonly path?: string;
}

class ScriptRun {
  /** What the caller gets. */
  readonly answer: Promise<unknown>;
  readonly #parts: ScriptParts;
  readonly #context: HandlerContext;
  readonly #fields: object;
  readonly #stderr: StderrLog;
  readonly #group: ProcessGroup;
  #resolve!: (payload: unknown) => void;
  #reject!: (error: unknown) => void;
  #output: Buffer[] = [];
  #bytes = 0;
  #settled = false;

  constructor(parts: ScriptParts, context: HandlerContext, handover: Handover) {
    this.#parts = parts;
    this.#context = context;
    const { message } = context;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#fields = { node: parts.node, type: message.type, id: message.id };
    this.#stderr = new StderrLog(parts.log, this.#fields);
    const env = messageEnvironment(parts.environment, context);
    if (handover.path !== undefined) env['NETMGR_PAYLOAD_FILE'] = handover.path;
    this.#group = parts.groups.start({
      argv: parts.binding.argv,
      env,
      stdin: handover.path === undefined ? 'pipe' : 'ignore',
      onStdout: (chunk) => this.#onStdout(chunk),
      onStderr: (chunk) => this.#stderr.push(chunk),
      onEnd: (exit) => this.#onEnd(exit),
    });
    this.#group.stdin?.end(handover.input);
    context.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  get gone(): Promise<void> {
    return this.#group.gone;
  }

  readonly #onAbort = (): void => {
    if (this.#settled) return;
    this.#parts.counters.aborted += 1;
    this.#settle(toNetworkError(this.#context.signal.reason, 'CANCELLED'));
    this.#group.end();
  };

  #onStdout(chunk: Buffer): void {
    if (this.#settled) return;
    this.#bytes += chunk.length;
    this.#output.push(chunk);
    if (this.#bytes <= MAX_OUTPUT_BYTES) return;
    this.#parts.counters.outputTooLarge += 1;
    this.#fail('HANDLER_FAILED', `wrote more than ${MAX_OUTPUT_BYTES} bytes to stdout, the limit, and was ended`);
    this.#group.closeOutput();
    this.#group.end();
  }

  #onEnd(exit: Exit): void {
    const { counters, log } = this.#parts;
    this.#stderr.end();
    counters.stderrLinesCut += this.#stderr.cut;
    if (exit.cutOff) {
      counters.outputCutOff += 1;
      log.warn(this.#fields, 'a script has ended, but something that it started held its output open: cut off');
    }
    if (this.#settled) return;
    if (exit.error) {
      counters.failed += 1;
      this.#settle(startFailure(this.#program, exit.error));
    } else if (exit.code === 0) this.#succeed();
    else if (exit.code === TRY_AGAIN) this.#fail('HANDLER_RETRY', `asks to be tried again (exit code ${TRY_AGAIN})`);
    else if (exit.code === null) this.#fail('HANDLER_FAILED', `was ended by ${exit.signal ?? 'a signal'}`);
    else this.#fail('HANDLER_FAILED', `ended with exit code ${exit.code}`);
  }

  get #program(): string {
    return this.#parts.binding.argv[0] as string;
  }

  #succeed(): void {
    try {
      const payload = scriptOutput(Buffer.concat(this.#output));
      this.#parts.counters.succeeded += 1;
      this.#settle(undefined, payload);
    } catch (error) {
      this.#fail('HANDLER_FAILED', `ended well, but its ${toNetworkError(error).message}`);
    }
  }

  #fail(code: 'HANDLER_FAILED' | 'HANDLER_RETRY', text: string): void {
    this.#parts.counters.failed += 1;
    this.#settle(new NetworkError(code, `'${visible(this.#program)}' ${text}${this.#stderr.tail}`));
  }

  #settle(error: NetworkError | undefined, payload?: unknown): void {
    this.#settled = true;
    this.#output = [];
    this.#context.signal.removeEventListener('abort', this.#onAbort);
    if (error) this.#reject(error);
    else this.#resolve(payload);
  }
}
