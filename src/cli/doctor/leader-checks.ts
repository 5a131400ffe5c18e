import type { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { messageOf, NetworkError, toNetworkError } from '../../base/errors.js';
import { parseAddress } from '../../network/address.js';
import { checkLeaderCertificate } from '../../security/certificates/certificate-check.js';
import { type LeaderChain, readLeaderChain } from '../../security/certificates/leader-chain.js';
import { fingerprintOf, readCertificate, validityOf } from '../../security/certificates/pem.js';
import { toBase32 } from '../../security/invites/base32.js';
import { connect } from '../connect.js';
import type { Environment } from '../environment.js';
import { lockOwner } from '../lock.js';
import { leaderDirectory } from '../paths.js';
import type { AddressTarget, Target } from '../target.js';
import { formatDuration } from '../units.js';
import { type Finding, fail, ok, warn } from './finding.js';
import { checkClock } from './host-checks.js';
import { rootsIn, storedRoots } from './state-checks.js';

const LOOK_MS = 5000;

export interface LeaderLook {
  readonly target: Target;
  readonly state: string;
  /** SHA-256 of the CA certificate that a token names. */
  readonly fingerprint: Uint8Array | undefined;
  readonly signal: AbortSignal;
}

/** The way to the leader that is meant: address, TLS, certificate, fingerprint, clock, and whether it lets us in. */
export async function checkLeader(environment: Environment, look: LeaderLook): Promise<readonly Finding[]> {
  const { target } = look;
  if (target.kind === 'socket') return checkOwnLeader(environment, look);
  if (target.url.startsWith('unix:')) return (await openSession(environment, look)).findings;
  if (target.plaintext) return [warn('leader', `${target.url} is plaintext: nobody there is authenticated`)];
  const seen = await checkTls(environment, look, target);
  if (target.identity === undefined) return seen;
  const { findings } = await openSession(environment, look);
  // A session tells the time more exactly.
  return [...seen.filter(({ check }) => !findings.some((finding) => finding.check === check)), ...findings];
}

async function checkOwnLeader(environment: Environment, look: LeaderLook): Promise<readonly Finding[]> {
  const owner = lockOwner(leaderDirectory(look.state));
  if (owner === undefined) {
    return [
      ok('leader', "no leader runs on this host; '--leader HOST:PORT' looks at another, '--context NAME' as well"),
    ];
  }
  const { findings, address, fingerprint } = await openSession(environment, look);
  if (address === undefined || fingerprint === undefined) return findings;
  return [...findings, ...(await checkOwnAddress(environment, look, { address, fingerprint }))];
}

/** Whether the address that the others are told leads to this very leader, as far as that can be seen from here. */
async function checkOwnAddress(
  environment: Environment,
  look: LeaderLook,
  own: { readonly address: string; readonly fingerprint: string },
): Promise<readonly Finding[]> {
  const { address, fingerprint } = own;
  const next = "'netmgr lead --advertise ADDR' tells them another.";
  const chain = await reach(environment, address, look.signal);
  if ('level' in chain) return [warn('address', `${address}, which others are told, is not reached from here`, next)];
  const certificate = checkCertificate(chain, environment.clock.wallNow());
  if (authoritiesOf(chain).includes(fingerprint)) {
    return [ok('address', `${address}, which others are told, leads to this leader`), certificate];
  }
  return [fail('address', `${address}, which others are told, leads to another leader`, next)];
}

interface Session {
  readonly findings: readonly Finding[];
  /** What others are told. */
  readonly address?: string | undefined;
  /** Of the leader's authority, if it has one. */
  readonly fingerprint?: string | undefined;
}

/** A session with the leader, as commands have it. */
async function openSession(environment: Environment, { target, signal }: LeaderLook): Promise<Session> {
  const { clock } = environment;
  try {
    const operator = await connect(environment, target, { timeoutMs: LOOK_MS, signal });
    try {
      const askedAt = clock.now();
      const { leader, cluster } = await operator.status({ signal });
      const there = leader.startedAt + leader.uptimeMs + (clock.now() - askedAt) / 2;
      const who = `'${leader.node}' of the cluster '${cluster}', netmgr ${leader.version}, ${leader.state}`;
      const findings = [ok('session', `${who}, lets you in`), checkClock(there - clock.wallNow(), false)];
      if (target.kind !== 'socket' || !leader.address.startsWith('wss:')) return { findings };
      return { findings, address: leader.address, fingerprint: (await operator.authority()).fingerprint };
    } finally {
      await operator.stop();
    }
  } catch (thrown) {
    const error = toNetworkError(thrown);
    const next = error.hint ?? `netmgr doctor explain ${error.code}`;
    return { findings: [fail('session', `${error.message} (${error.code})`, next)] };
  }
}

async function checkTls(
  environment: Environment,
  look: LeaderLook,
  target: AddressTarget,
): Promise<readonly Finding[]> {
  const chain = await reach(environment, target.url, look.signal);
  if ('level' in chain) return [chain];
  return [
    ok('leader', `${target.url} speaks TLS 1.3`),
    checkCertificate(chain, environment.clock.wallNow()),
    checkFingerprint(chain, look, target),
    await checkDate(environment, target.url, look.signal),
  ];
}

/** What is shown by whoever listens there, or why nothing is. */
async function reach(environment: Environment, url: string, signal: AbortSignal): Promise<LeaderChain | Finding> {
  const deadline = new AbortController();
  const late = `no answer within ${LOOK_MS / 1000} s`;
  const timer = environment.clock.setTimer(LOOK_MS, () => deadline.abort(new Error(late)));
  try {
    return await readLeaderChain(placeOf(url), AbortSignal.any([signal, deadline.signal]));
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    const { message, hint } = toNetworkError(thrown, 'CONNECTION_FAILED');
    const next = hint ?? 'Is it running, and is no firewall between? netmgr status on its host.';
    return fail('leader', message.includes(placeText(url)) ? message : `${url}: ${message}`, next);
  } finally {
    timer.cancel();
  }
}

const placeText = (url: string): string => url.replace(/^wss:\/\//, '');

function placeOf(url: string): { readonly host: string; readonly port: number } {
  const address = parseAddress(placeText(url));
  if (address.kind === 'tcp') return address;
  throw new NetworkError('INVALID_OPTION', `${url} is not the address of a TLS port`);
}

const authoritiesOf = (chain: LeaderChain): readonly string[] =>
  chain.chain.filter((certificate) => certificate.ca).map((certificate) => toBase32(fingerprintOf(certificate)));

function checkCertificate({ leaf }: LeaderChain, now: number): Finding {
  try {
    const cluster = checkLeaderCertificate(leaf, now);
    const left = formatDuration(validityOf(leaf).notAfter - now);
    return ok(
      'certificate',
      `of the leader of the cluster '${cluster}', good for ${left}; the leader renews it by itself`,
    );
  } catch (thrown) {
    const error = toNetworkError(thrown);
    return fail('certificate', error.message, error.hint);
  }
}

/** Whether it is the leader that the token, the context or any key of this user was enrolled with. */
function checkFingerprint(chain: LeaderChain, look: LeaderLook, { identity }: AddressTarget): Finding {
  const shown = authoritiesOf(chain);
  const fingerprints = shown.join(', ') || 'none';
  if (look.fingerprint !== undefined) {
    const wanted = toBase32(look.fingerprint);
    if (shown.includes(wanted)) return ok('fingerprint', `the token is of this leader's authority, ${wanted}`);
    return fail(
      'fingerprint',
      `the token is of the authority ${wanted}, but the leader there shows ${fingerprints}`,
      'The address or the token is that of another cluster; or somebody poses as the leader.',
    );
  }
  const roots = identity === undefined ? storedRoots(look.state) : rootsIn(identity.directory);
  const known = roots.map(readCertificate).filter((root) => root !== undefined);
  if (known.some((root) => vouches(root, chain.chain))) return ok('fingerprint', `known here: ${fingerprints}`);
  if (identity === undefined) {
    const next = "Compare it with 'netmgr ca show' on the leader's host, or give --token-file FILE.";
    return warn('fingerprint', `no key of this user is enrolled there; its authority is ${fingerprints}`, next);
  }
  return fail(
    'fingerprint',
    `the leader there shows ${fingerprints}, which is not what this context was enrolled with`,
    'Another leader answers there, it has lost its state, or somebody poses as it. Ask who runs it before you enrol again.',
  );
}

/** Whether a root is in a chain, or has signed what is. The dial itself verifies more; here it is told what is known. */
const vouches = (root: X509Certificate, chain: readonly X509Certificate[]): boolean =>
  chain.some((certificate) => certificate.raw.equals(root.raw) || certificate.verify(root.publicKey));

/** The clock of the leader, to the second, as its HTTP answers have it. */
async function checkDate(environment: Environment, url: string, signal: AbortSignal): Promise<Finding> {
  const deadline = new AbortController();
  const timer = environment.clock.setTimer(LOOK_MS, () => deadline.abort(new Error('no answer')));
  try {
    const there = Date.parse((await dateOf(placeOf(url), AbortSignal.any([signal, deadline.signal]))) ?? '');
    if (Number.isNaN(there)) return warn('clock', 'the leader does not tell its time');
    return checkClock(there - environment.clock.wallNow(), true);
  } catch (error) {
    return warn('clock', `the leader does not tell its time: ${messageOf(error)}`);
  } finally {
    timer.cancel();
  }
}

/** What answers is believed nothing but the time: no certificate is checked. */
function dateOf(
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, method: 'GET', path: '/', agent: false, rejectUnauthorized: false, signal });
    asked.once('response', (response) => {
      resolve(response.headers.date);
      response.resume();
      asked.destroy();
    });
    asked.on('error', reject);
    asked.end();
  });
}
