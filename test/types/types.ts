/** Nothing here runs: it compiles only if types flow from a schema to its handler and to the caller. */
import { z } from 'zod';
import {
  type Collaborator,
  defineMessage,
  type ErrorCode,
  handle,
  type InputOf,
  isNetworkError,
  type Leader,
  type OutputOf,
} from '../../src/index.js';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const proves = <T extends true>(_: T[]): void => {};

const resize = handle(
  'resize',
  { input: z.object({ width: z.number(), unit: z.string().default('px') }), concurrency: 4, timeoutMs: 1000 },
  async (payload, context) => {
    // The handler sees what the schema lets through, defaults filled in.
    proves<Same<typeof payload, { width: number; unit: string }>>([]);
    proves<Same<typeof context.signal, AbortSignal>>([]);
    return { area: payload.width ** 2 };
  },
);
// The caller may leave out what has a default, and sees what the handler returns, awaited.
proves<Same<InputOf<typeof resize>, { width: number; unit?: string | undefined }>>([]);
proves<Same<OutputOf<typeof resize>, { area: number }>>([]);

const untyped = handle('anything', {}, (payload) => {
  proves<Same<typeof payload, unknown>>([]);
  return 1;
});
proves<Same<OutputOf<typeof untyped>, number>>([]);

const ping = defineMessage('ping', { input: z.string(), output: z.number() });

export async function callers(leader: Leader, collaborator: Collaborator): Promise<void> {
  const byHandler = await leader.request(resize, { width: 2 });
  proves<Same<typeof byHandler, { area: number }>>([]);
  const byDefinition = await collaborator.request(ping, 'hello');
  proves<Same<typeof byDefinition, number>>([]);
  // A type-only import of the handler is enough on the caller's side.
  const byName = await leader.request<typeof resize>('resize', { width: 3 });
  proves<Same<typeof byName, { area: number }>>([]);
  const bare = await leader.request('whatever', { any: 'thing' });
  proves<Same<typeof bare, unknown>>([]);

  // The same inline, on a running node.
  const crop = collaborator.handle('crop', { input: z.object({ left: z.number() }), timeoutMs: 50 }, ({ left }) => {
    proves<Same<typeof left, number>>([]);
    return [left];
  });
  const cropped = await leader.request(crop, { left: 1 });
  proves<Same<typeof cropped, number[]>>([]);

  // @ts-expect-error a text is not the payload of resize
  await leader.request(resize, 'wide');
  // @ts-expect-error width is a number
  await leader.request(resize, { width: '3' });
  // @ts-expect-error the name must be the definition's
  await leader.request<typeof resize>('rezise', { width: 3 });
  // @ts-expect-error area is a number
  const wrong: string = (await leader.request(resize, { width: 1 })).area;
  void wrong;
}

// @ts-expect-error the schema gives a number, not a text
handle('wrong', { input: z.number() }, (payload: string) => payload);

/** Codes are a closed set: each can be told from all others, and one that is mistyped does not compile. */
export function told(thrown: unknown): string {
  if (!isNetworkError(thrown)) return 'not of netmgr';
  const { code, leader, retryable } = thrown;
  proves<Same<typeof code, ErrorCode>>([]);
  proves<Same<typeof leader, string | undefined>>([]);
  proves<Same<typeof retryable, boolean>>([]);
  if (code === 'NOT_LEADER') return leader ?? 'nobody';
  proves<Same<typeof code, Exclude<ErrorCode, 'NOT_LEADER'>>>([]);
  // @ts-expect-error there is no such code
  return code === 'TIME_OUT' ? 'late' : code;
}
