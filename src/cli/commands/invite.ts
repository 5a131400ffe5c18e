import type { OperatorApi } from '../../role/operator-api.js';
import { parseToken } from '../../security/invites/join-token.js';
import { writePrivateFile } from '../../security/storage/private-file.js';
import type { Command, Invocation } from '../command.js';
import type { Environment } from '../environment.js';
import { asConfiguration, CommandError, EXIT, usageError } from '../exit-codes.js';
import { choiceFlag, type Flag, plainText, switchFlag, valueFlag } from '../flags.js';
import { jsonFlag } from '../global-flags.js';
import { nearest } from '../nearest.js';
import { lineWidth, tableLook } from '../table.js';
import { parseDuration, parseInteger } from '../units.js';
import { createdLines, renderInvites, stateOf } from '../views/invites.js';
import { withLeader } from '../with-leader.js';

const ROLES = ['collaborator', 'operator', 'observer'] as const;
type InvitedRole = (typeof ROLES)[number];

const roleFlag: Flag<InvitedRole> = choiceFlag({
  name: 'role',
  placeholder: 'ROLE',
  description: 'what whoever comes with it may be',
  choices: ROLES,
  fallback: 'collaborator',
});
const MAX_USES = 10_000;
const usesFlag: Flag<number> = valueFlag({
  name: 'uses',
  placeholder: 'N',
  description: 'how many nodes may enrol with it',
  fallback: 1,
  parse: (text) => parseInteger(text, 1, MAX_USES),
});
const DAY_MS = 24 * 3_600_000;
const LONGEST_TTL_MS = 365 * DAY_MS;
const ttlFlag: Flag<number> = valueFlag({
  name: 'ttl',
  placeholder: 'DURATION',
  description: 'how long it is good for',
  fallback: DAY_MS,
  fallbackText: '24h',
  parse: parseTtl,
});
const canSubmitFlag: Flag<boolean> = switchFlag({
  name: 'can-submit',
  description: 'let the collaborator call and emit to others, not only answer',
});
const outFlag: Flag<string | undefined> = valueFlag({
  name: 'out',
  placeholder: 'FILE',
  description: 'write the token there, for this user alone, and not to stdout',
  parse: plainText,
});

const allInvitesFlag: Flag<boolean> = switchFlag({ name: 'all', description: 'those too that are good no more' });

function parseTtl(text: string): number {
  const ms = parseDuration(text);
  if (ms < 1000 || ms > LONGEST_TTL_MS) throw usageError(`'${text}' is not between 1s and 365d`);
  return ms;
}

export const inviteCommand = (environment: Environment): Command => ({
  name: 'invite',
  summary: 'join tokens: make, list and revoke them',
  details:
    'A token enrols the key of a node or a user, once for each use; from then on that key counts, and the token may be thrown away. The leader keeps a hash of it only: what is lost cannot be shown again.',
  examples: [
    { command: 'netmgr invite create', text: 'a token for one collaborator, good for 24 hours' },
    { command: 'netmgr invite create --role operator --out t', text: 'for an operator elsewhere, in a private file' },
    { command: 'netmgr invite ls', text: 'which there are' },
    { command: 'netmgr invite revoke 4c7q2n5a', text: 'one that went astray' },
  ],
  commands: [
    createCommand(environment),
    listCommand(environment),
    revokeCommand(environment),
    rotateCommand(environment),
  ],
});

const createCommand = (environment: Environment): Command => ({
  name: 'create',
  summary: 'make a join token',
  details: 'The token is on stdout, alone; what to do with it is on stderr.',
  flags: [roleFlag, usesFlag, ttlFlag, canSubmitFlag, outFlag],
  examples: [
    { command: 'netmgr invite create', text: 'for one collaborator, good for 24 hours' },
    { command: 'netmgr invite create --uses 20 --ttl 2h', text: 'for twenty, within two hours' },
    { command: 'netmgr invite create --role observer --out t', text: 'for one who only looks' },
    { command: 'netmgr invite create | ssh w1 netmgr join HOST:7700 --token-file -', text: 'carried over, unseen' },
  ],
  run: (invocation) => withLeader(environment, invocation, (operator) => create(invocation, operator)),
});

async function create(invocation: Invocation, operator: OperatorApi): Promise<number> {
  const { output } = invocation;
  const ttlMs = invocation.value(ttlFlag);
  const { token, ...invited } = await operator.createInvite({
    role: invocation.value(roleFlag),
    uses: invocation.value(usesFlag),
    ttlMs,
    maySubmit: invocation.value(canSubmitFlag),
  });
  const file = invocation.value(outFlag);
  if (file !== undefined) await storeToken(operator, { file, token, id: invited.id });
  const told = file === undefined ? { token } : { file };
  if (invocation.value(jsonFlag)) await output.document({ schema: 1, ...told, ...invited });
  else if (file === undefined) await output.data(`${token}\n`);
  for (const line of createdLines({ ...invited, file, ttlMs, width: lineWidth(output.stderr) })) output.note(line);
  return EXIT.ok;
}

/** A token that cannot be handed over must not stay good. */
async function storeToken(
  operator: OperatorApi,
  { file, token, id }: { readonly file: string; readonly token: string; readonly id: string },
): Promise<void> {
  try {
    writePrivateFile(file, `${token}\n`);
  } catch (thrown) {
    await operator.revokeInvite(id);
    const error = asConfiguration(thrown);
    throw new CommandError(error.code, `--out ${file}: ${error.message}`, {
      exitCode: EXIT.configuration,
      cause: error,
      hint: error.hint ?? 'The token was revoked; make another one.',
    });
  }
}

const listCommand = (environment: Environment): Command => ({
  name: 'ls',
  summary: 'list the join tokens, without their secrets',
  flags: [allInvitesFlag],
  examples: [
    { command: 'netmgr invite ls', text: 'those that are good' },
    { command: 'netmgr invite ls --all', text: 'those that are used up, expired or revoked, too' },
  ],
  run: (invocation) =>
    withLeader(environment, invocation, async (operator) => {
      const now = environment.clock.wallNow();
      const all = (await operator.invites()).map((each) => ({ ...each, state: stateOf(each, now) }));
      const invites = all.filter(({ state }) => state === 'open' || invocation.value(allInvitesFlag));
      const look = tableLook(invocation.output, invocation.style);
      if (invocation.value(jsonFlag)) await invocation.output.document({ schema: 1, invites });
      else await invocation.output.data(await renderInvites(invites, now, look));
      return EXIT.ok;
    }),
});

const revokeCommand = (environment: Environment): Command => ({
  name: 'revoke',
  summary: 'make join tokens worthless',
  details: "Who has enrolled with it already stays in: 'netmgr nodes evict' shuts out a node.",
  arguments: [
    { name: 'ID', description: "as 'invite ls' shows it; the token itself will do", required: true, variadic: true },
  ],
  examples: [{ command: 'netmgr invite revoke 4c7q2n5a', text: 'one that went astray' }],
  run: (invocation) =>
    withLeader(environment, invocation, async (operator) => {
      for (const typed of invocation.operands) {
        const id = idOf(typed);
        if (!(await operator.revokeInvite(id))) throw unknownInvite(id, await operator.invites());
        if (invocation.value(jsonFlag)) await invocation.output.line({ id, revoked: true });
        else invocation.output.note(`${id} is revoked`);
      }
      return EXIT.ok;
    }),
});

/** The id, also of one who typed all of the token. */
function idOf(typed: string): string {
  return /^nmtk-/i.test(typed) ? parseToken(typed).id : typed;
}

function unknownInvite(id: string, invites: readonly { readonly id: string }[]): Error {
  const near = nearest(
    id,
    invites.map((each) => each.id),
  );
  const hint = near === undefined ? "'netmgr invite ls --all' lists them." : `Did you mean '${near}'?`;
  return new CommandError('NO_TARGET', `there is no join token with the id '${id}'`, { exitCode: EXIT.noTarget, hint });
}

const rotateCommand = (environment: Environment): Command => ({
  name: 'rotate',
  summary: 'revoke every join token, and make a new one for collaborators',
  details: 'For the day when nobody knows who has seen a token. Who has enrolled already stays in.',
  flags: [usesFlag, ttlFlag, outFlag],
  examples: [{ command: 'netmgr invite rotate', text: 'the new token is on stdout' }],
  run: (invocation) =>
    withLeader(environment, invocation, async (operator) => {
      const revoked = await operator.rotateInvites();
      invocation.output.note(`${revoked} ${revoked === 1 ? 'token is' : 'tokens are'} revoked`);
      return create(invocation, operator);
    }),
});
