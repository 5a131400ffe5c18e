import type { Command } from '../command.js';
import type { Environment } from '../environment.js';
import { EXIT } from '../exit-codes.js';
import { jsonFlag } from '../global-flags.js';
import { renderPairs } from '../table.js';
import { formatDuration } from '../units.js';
import { withLeader } from '../with-leader.js';

export const caCommand = (environment: Environment): Command => ({
  name: 'ca',
  summary: "the leader's own certificate authority",
  details:
    "The leader vouches for itself: it has an authority of its own, whose fingerprint every join token carries, and renews its certificate by itself. There is nothing to be done here, unless the authority's key may have been seen.",
  examples: [
    { command: 'netmgr ca show', text: 'its fingerprint, and until when its certificates are good' },
    { command: 'netmgr ca rotate', text: 'a new one, after somebody may have seen the key' },
  ],
  commands: [showCommand(environment), rotateCommand(environment)],
});

const showCommand = (environment: Environment): Command => ({
  name: 'show',
  summary: 'the fingerprint, and until when the certificates are good',
  examples: [{ command: 'netmgr ca show', text: 'to compare with what another host sees' }],
  run: (invocation) =>
    withLeader(environment, invocation, async (operator) => {
      const { output, style } = invocation;
      const authority = await operator.authority();
      if (invocation.value(jsonFlag)) {
        await output.document({ schema: 1, ...authority });
        return EXIT.ok;
      }
      const now = environment.clock.wallNow();
      const { fingerprint, notAfter, leaf } = authority;
      const pairs = [
        ['fingerprint', fingerprint],
        ['good until', until(notAfter, now)],
        ['certificate', `good until ${until(leaf.notAfter, now)}`],
        ['renewed', leaf.renewAt <= now ? 'any moment now' : `in ${formatDuration(leaf.renewAt - now)}, by itself`],
      ] as const;
      // As wide as need be: a fingerprint is there to be compared whole.
      await output.data(renderPairs(pairs, { width: undefined, style }));
      return EXIT.ok;
    }),
});

function until(ms: number, now: number): string {
  const left = ms > now ? `in ${formatDuration(ms - now)}` : `${formatDuration(now - ms)} ago`;
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC (${left})`;
}

const rotateCommand = (environment: Environment): Command => ({
  name: 'rotate',
  summary: 'replace the certificate authority',
  details:
    'Nodes that are in notice nothing: they are told of the new one, and it is vouched for by the old one, so those that are away come back too. Join tokens that were not used yet are revoked, for they carry the old fingerprint.',
  examples: [{ command: 'netmgr ca rotate', text: "then 'netmgr invite create' for new nodes" }],
  run: (invocation) =>
    withLeader(environment, invocation, async (operator) => {
      const { fingerprint, revokedInvites } = await operator.rotateAuthority();
      if (invocation.value(jsonFlag)) await invocation.output.document({ schema: 1, fingerprint, revokedInvites });
      else await invocation.output.data(`${fingerprint}\n`);
      const tokens = revokedInvites === 1 ? '1 join token is' : `${revokedInvites} join tokens are`;
      invocation.output.note(`the authority is a new one; ${tokens} revoked, 'netmgr invite create' makes others`);
      return EXIT.ok;
    }),
});
