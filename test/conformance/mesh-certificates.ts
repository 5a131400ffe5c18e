import type { MutualTlsOptions } from '../../src/network/mutual-tls.js';
import { MeshAuthority } from '../network/mesh-authority.js';

/** A certificate for each name, made when it is first asked for: the checks of a subject share them. */
export class MeshCertificates {
  readonly #authority = MeshAuthority.create();
  readonly #certificates = new Map<string, Promise<MutualTlsOptions>>();

  of(node: string): Promise<MutualTlsOptions> {
    let certificate = this.#certificates.get(node);
    if (!certificate) {
      certificate = this.#authority.then((authority) => authority.node(node));
      this.#certificates.set(node, certificate);
    }
    return certificate;
  }
}
