// Run with a bound on the size of files: enrols devices until the journal has no room, then one more; tells what it
// was told.
import { toNetworkError } from '../../src/base/errors.js';
import { systemRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { LeaderSecurity } from '../../src/security/leader-security.js';
import { dial } from './fake-device.js';

const [directory] = process.argv.slice(2);
const clock = new VirtualClock();
await using security = await LeaderSecurity.open({
  directory,
  cluster: 'c',
  leader: 'leader',
  clock,
  random: systemRandom,
});
const { token } = await security.invites.create({ role: 'collaborator', uses: 1_000 });
const acknowledged: string[] = [];
const errors: { readonly code: string; readonly retryable: boolean; readonly message: string }[] = [];
for (let i = 0; errors.length < 2; i += 1) {
  try {
    await dial(security.authenticator, { token, node: `w${i}` });
    acknowledged.push(`w${i}`);
  } catch (error) {
    const { code, retryable, message } = toNetworkError(error);
    errors.push({ code, retryable, message });
  }
}
const listed = security.devices.list().map(({ name }) => name);
const { used } = security.invites.list()[0] ?? {};
console.log(JSON.stringify({ acknowledged, errors, listed, used, counters: security.counters }));
