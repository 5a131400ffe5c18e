import { isNetworkError } from '../../base/errors.js';
import { toBase32 } from '../../security/invites/base32.js';
import { redactTokens } from '../../security/invites/join-token.js';
import type { Invocation } from '../command.js';
import { givenToken, type TakenToken } from '../credentials/token-intake.js';
import type { Environment } from '../environment.js';
import { type Finding, fail, ok } from './finding.js';

export interface TokenChecked {
  readonly findings: readonly Finding[];
  /** If it can be read. */
  readonly taken: TakenToken | undefined;
}

/** The token that was given, as far as it can be judged without its leader. */
export async function checkToken(environment: Environment, invocation: Invocation): Promise<TokenChecked> {
  try {
    const taken = await givenToken(environment, invocation);
    if (taken === undefined) return { findings: [], taken };
    const { token } = taken;
    const text =
      `${redactTokens(taken.text)} is whole, for a${token.role === 'collaborator' ? '' : 'n'} ${token.role}, of the authority ` +
      toBase32(token.fingerprint);
    const rest = "whether it is expired, used up or revoked, only its leader knows: there, 'netmgr invite ls --all'";
    return { findings: [ok('token', text), ok('token', rest)], taken };
  } catch (error) {
    if (!isNetworkError(error) || error.code !== 'INVALID_OPTION') throw error;
    return { findings: [fail('token', error.message, error.hint)], taken: undefined };
  }
}
