import { NetworkError } from '../base/errors.js';
import type { Role } from '../base/names.js';
import type { AuthenticationChannel, Authenticator, Hello, Identity } from './authenticator.js';

export interface SocketAuthenticatorOptions {
  /** What a peer may be. @default ['operator', 'observer'] */
  readonly roles?: readonly Role[] | undefined;
}

/**
 * For a UNIX socket: whoever the file's modes let in is the user who runs the node, and may ask it for anything. A
 * collaborator is not let in: it enrols a key like any other, for which it gets a token here.
 */
export class SocketAuthenticator implements Authenticator {
  readonly name = 'UNIX socket';
  readonly #roles: readonly Role[];

  constructor(options: SocketAuthenticatorOptions = {}) {
    this.#roles = options.roles ?? ['operator', 'observer'];
  }

  async authenticate(hello: Hello, channel: AuthenticationChannel): Promise<Identity> {
    if (channel.transport !== 'unix') {
      throw new NetworkError('NOT_ALLOWED', `${channel.address} did not come through the UNIX socket`);
    }
    if (!this.#roles.includes(hello.role)) {
      throw new NetworkError(
        'NOT_ALLOWED',
        `the role ${hello.role} is not granted over this UNIX socket, only ${this.#roles.join(', ')}; a collaborator dials the leader's port`,
      );
    }
    return { node: hello.node, role: hello.role, maySubmit: hello.role !== 'observer' };
  }
}
