import type { Clock } from '../../base/clock.js';
import type { Log } from '../../base/log.js';
import type { NodeId } from '../../base/names.js';
import { type Handler, handle } from '../../manager/handler.js';
import type { ScriptBinding } from './binding.js';
import { newScriptCounters, type ScriptCounters } from './counters.js';
import { type Environment, sharedEnvironment } from './environment.js';
import { runScript, type ScriptParts } from './exec.js';
import { PayloadFiles } from './payload-file.js';
import { ProcessGroups } from './process-groups.js';
import { CoProcess, MAX_IN_FLIGHT } from './stream.js';

export interface ScriptOptions {
  readonly node: NodeId;
  readonly tags: Readonly<Record<string, string>>;
  readonly log: Log;
  readonly clock: Clock;
  /** How many processes of one TYPE run at once: the node's slots. A co-process has 1,000 messages at once instead. */
  readonly concurrency: number;
  /** The environment of this process, from which scripts get what the allow-list names. */
  readonly environment: Environment;
  /** From TERM to KILL. @default 10000 */
  readonly killAfterMs?: number | undefined;
  /** How long something that a script left behind may hold its output open. @default 1000 */
  readonly lingerMs?: number | undefined;
  /** From the end of a co-process's stdin to TERM. @default 5000 */
  readonly stopGraceMs?: number | undefined;
}

export interface ScriptHandlers {
  readonly handlers: readonly Handler[];
  readonly counters: Readonly<ScriptCounters>;
  /**
   * Ends every process that is left (co-processes get their stdin closed first) and resolves when none is: after
   * `stopGraceMs` + `killAfterMs` + 2 s at the latest. Call it when the node takes no more messages. Idempotent.
   */
  stop(): Promise<void>;
  /** KILLs every process now; for a node that is forced to end. */
  kill(): void;
}

/**
 * Handlers in any language. Co-processes are started here, so that they are warm when the first message comes.
 * @throws NetworkError INVALID_OPTION if a tag cannot be handed to a script
 */
export function scriptHandlers(bindings: readonly ScriptBinding[], options: ScriptOptions): ScriptHandlers {
  const { node, log, clock, concurrency } = options;
  const groups = new ProcessGroups(clock, log, options);
  const files = new PayloadFiles();
  const counters = newScriptCounters();
  const parts: ScriptParts[] = bindings.map((binding) => {
    const environment = sharedEnvironment(binding.type, binding.env, options);
    return { binding, environment, groups, files, log, clock, node, counters };
  });
  const coProcesses: CoProcess[] = [];
  const handlers = parts.map((part): Handler => {
    const { type, stream } = part.binding;
    if (!stream) return handle(type, { concurrency }, (payload, context) => runScript(part, payload, context));
    const coProcess = new CoProcess(part, options.stopGraceMs);
    coProcesses.push(coProcess);
    return handle(type, { concurrency: MAX_IN_FLIGHT }, (payload, context) => coProcess.run(payload, context));
  });
  return {
    handlers,
    counters,
    stop: async () => {
      await Promise.all(coProcesses.map((coProcess) => coProcess.stop()));
      await groups.stop();
      await files.clear();
    },
    kill: () => groups.kill(),
  };
}
