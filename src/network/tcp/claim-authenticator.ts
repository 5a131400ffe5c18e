import { NetworkError } from '../../base/errors.js';
import type { Authenticator, Hello, Identity } from '../authenticator.js';

/** Believes the name that a peer claims, wherever it is: for networks that only trusted nodes can reach. */
export class ClaimAuthenticator implements Authenticator {
  readonly name = 'plaintext';

  async authenticate(hello: Hello): Promise<Identity> {
    if (hello.role !== 'collaborator') {
      throw new NetworkError('NOT_ALLOWED', `the role ${hello.role} is not granted in plaintext, only collaborator`);
    }
    return { node: hello.node, role: hello.role, maySubmit: true };
  }
}
