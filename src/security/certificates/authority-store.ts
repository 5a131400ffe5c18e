import { messageOf, NetworkError } from '../../base/errors.js';
import type { Random } from '../../base/random.js';
import { Authority } from './authority.js';
import { timeProblem } from './certificate-check.js';
import type { CertificateStore } from './certificate-store.js';

export interface OpenAuthorityOptions {
  readonly cluster: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly random: Random;
  /** Something else of this authority's is known, enrolled devices for one: that it is missing is no first start. */
  readonly expected: boolean;
}

/**
 * The authority that is kept there; at the first start it makes one.
 * @throws NetworkError INVALID_OPTION if it is lost or damaged: never is a new one made in its place;
 *   CLUSTER_MISMATCH; NOT_ALLOWED when the clock is wrong; what reading and writing fail with
 */
export async function openAuthority(store: CertificateStore, options: OpenAuthorityOptions): Promise<Authority> {
  const text = store.read('ca.pem');
  if (text === undefined && !options.expected && !isThere(store)) {
    const authority = await Authority.create(options);
    store.write('ca.pem', authority.toPem());
    return authority;
  }
  const where = store.where('ca.pem');
  const authority = parse(where, text);
  if (authority.cluster !== options.cluster) {
    throw new NetworkError(
      'CLUSTER_MISMATCH',
      `${where} is the authority of the cluster "${authority.cluster}", not of "${options.cluster}"`,
      { hint: `Lead "${authority.cluster}", or give the other cluster a state directory of its own.` },
    );
  }
  const problem = timeProblem(authority, options.now);
  if (problem === undefined) return authority;
  throw new NetworkError('NOT_ALLOWED', `${where}: the authority's certificate ${problem}`, {
    hint: `Set this machine's clock right (date -u). If it is right: ${BEGIN_ANEW}`,
  });
}

/** Whether there was an authority: its leaf is left. What cannot be read is there, too. */
function isThere(store: CertificateStore): boolean {
  try {
    return store.read('leaf.pem') !== undefined;
  } catch {
    return true;
  }
}

function parse(where: string, text: string | undefined): Authority {
  try {
    if (text === undefined) throw new NetworkError('INVALID_OPTION', 'the file is missing');
    return Authority.fromPem(text);
  } catch (error) {
    throw new NetworkError(
      'INVALID_OPTION',
      `${where}: ${messageOf(error)}; without its authority the leader cannot prove to its nodes who it is`,
      { hint: `Restore the file from a backup. Without one: ${BEGIN_ANEW}`, cause: error },
    );
  }
}

const BEGIN_ANEW =
  "move the leader's state directory away, start the leader, which makes a new authority, and join every node again with a new token.";
