import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { Authority } from './authority.js';
import type { CertificateStore } from './certificate-store.js';

/**
 * Watches over the authority's file, which the next start needs: one that was deleted is written again, one that was
 * changed is spoken of, once.
 */
export class AuthorityGuard {
  readonly #store: CertificateStore;
  readonly #log: Log;
  #told: string | undefined;
  #damaged = 0;

  constructor(store: CertificateStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /** How often it came upon something new that is wrong. */
  get damaged(): number {
    return this.#damaged;
  }

  look(authority: Authority): void {
    const trouble = this.#troubleOf(authority.toPem());
    if (trouble !== undefined && trouble !== this.#told) {
      this.#damaged += 1;
      this.#log.error({ file: this.#store.where('ca.pem') }, trouble);
    }
    this.#told = trouble;
  }

  #troubleOf(pem: string): string | undefined {
    try {
      const text = this.#store.read('ca.pem');
      if (text === pem) return undefined;
      if (text !== undefined) return 'the file of the authority was changed: restore it, or the next start will fail';
      this.#store.write('ca.pem', pem);
      return 'the file of the authority was deleted: it was written again';
    } catch (error) {
      return `the file of the authority is in trouble: ${messageOf(error)}`;
    }
  }
}
