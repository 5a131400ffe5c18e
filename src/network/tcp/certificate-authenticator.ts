import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { AuthenticationChannel, Authenticator, Hello, Identity } from '../authenticator.js';

const NOBODY: ReadonlySet<NodeId> = new Set();

/** For mutual TLS: a peer may have the names that its certificate is for, and no other. */
export class CertificateAuthenticator implements Authenticator {
  readonly name = 'mutual TLS';

  async authenticate(hello: Hello, channel: AuthenticationChannel): Promise<Identity> {
    const { certified = NOBODY, address } = channel;
    if (!certified.has(hello.node)) {
      const names = certified.size === 0 ? 'no node' : [...certified].join(', ');
      throw new NetworkError('NOT_ALLOWED', `the certificate of ${address} is for ${names}, not for ${hello.node}`);
    }
    if (hello.role !== 'collaborator') {
      throw new NetworkError('NOT_ALLOWED', `the role ${hello.role} is not granted here, only collaborator`);
    }
    return { node: hello.node, role: hello.role, maySubmit: true };
  }
}
