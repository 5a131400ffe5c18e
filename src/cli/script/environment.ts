import type { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { HandlerContext } from '../../manager/handler.js';
import { visible } from '../../message/escape.js';
import { usageError } from '../exit-codes.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a script may see of the environment of `join`; `--env NAME` adds to it. */
const ALLOWED: readonly string[] = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'];

interface EnvironmentSource {
  readonly node: NodeId;
  readonly tags: Readonly<Record<string, string>>;
  /** Of this process. */
  readonly environment: Environment;
}

/**
 * The part that all messages of a handler share: the allow-list, `NETMGR_TYPE`, `NETMGR_NODE` and the tags.
 * A tag's name is put in capitals and what a variable's name may not contain becomes `_`.
 * @throws NetworkError INVALID_OPTION for a tag that no variable can hold, or two that would share one
 */
export function sharedEnvironment(type: string, names: readonly string[], source: EnvironmentSource): Environment {
  const shared: Record<string, string | undefined> = {};
  for (const name of [...ALLOWED, ...names]) {
    const value = source.environment[name];
    if (value !== undefined) shared[name] = value;
  }
  const tagOf = new Map<string, string>();
  for (const [tag, value] of Object.entries(source.tags)) {
    const name = `NETMGR_TAG_${tag.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}`;
    const other = tagOf.get(name);
    if (other !== undefined) throw wrongTag(tag, `shares the variable ${name} with '${visible(other)}'`);
    if (value.includes('\0')) throw wrongTag(tag, 'has a value with a NUL character');
    tagOf.set(name, tag);
    shared[name] = value;
  }
  return { ...shared, NETMGR_TYPE: type, NETMGR_NODE: source.node };
}

/** What is known of one message. `NETMGR_DEADLINE_MS` is missing if the caller did not say how long it waits. */
export function messageEnvironment(shared: Environment, context: HandlerContext): Record<string, string | undefined> {
  const { message, remainingMs } = context;
  return {
    ...shared,
    NETMGR_ID: message.id,
    NETMGR_KIND: message.kind,
    NETMGR_FROM: message.from,
    NETMGR_ATTEMPT: String(context.attempt),
    ...(remainingMs === undefined ? {} : { NETMGR_DEADLINE_MS: String(Math.floor(remainingMs)) }),
  };
}

const wrongTag = (tag: string, problem: string): NetworkError =>
  usageError(`--tag ${visible(tag)}: ${problem}`, 'Scripts see tags as NETMGR_TAG_<NAME>: rename the tag.');
