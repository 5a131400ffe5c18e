import { NetworkError } from '../base/errors.js';
import type { Role } from '../base/names.js';
import { isLoopback } from './address.js';
import type { AuthenticationChannel, Authenticator, Hello, Identity } from './authenticator.js';

export interface LoopbackAuthenticatorOptions {
  /** What a peer may be. @default ['collaborator'] */
  readonly roles?: readonly Role[] | undefined;
  /** Whether its collaborators may call, emit and submit: whoever is let in without a proof is trusted. @default true */
  readonly maySubmit?: boolean | undefined;
}

/** Plaintext, for peers on this very machine only: believes the name and role that they claim. */
export class LoopbackAuthenticator implements Authenticator {
  readonly name = 'plaintext loopback';
  readonly #roles: readonly Role[];
  readonly #maySubmit: boolean;

  constructor(options: LoopbackAuthenticatorOptions = {}) {
    this.#roles = options.roles ?? ['collaborator'];
    this.#maySubmit = options.maySubmit ?? true;
  }

  async authenticate(hello: Hello, channel: AuthenticationChannel): Promise<Identity> {
    if (channel.transport !== 'tcp' || !isLoopback(channel.address)) {
      throw new NetworkError(
        'NOT_ALLOWED',
        `${channel.address} is not on the leader's host, and this listener takes plaintext from loopback addresses only; run the node on the leader's host`,
      );
    }
    if (!this.#roles.includes(hello.role)) {
      throw new NetworkError(
        'NOT_ALLOWED',
        `the role ${hello.role} is not granted over loopback TCP, only ${this.#roles.join(', ')}; operators use the leader's UNIX socket`,
      );
    }
    return { node: hello.node, role: hello.role, maySubmit: this.#maySubmit };
  }
}
