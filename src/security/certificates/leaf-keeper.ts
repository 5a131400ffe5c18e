import type { Clock, Timer } from '../../base/clock.js';
import { Emitter } from '../../base/emitter.js';
import { messageOf, NetworkError, toNetworkError } from '../../base/errors.js';
import { type Log, silentLog } from '../../base/log.js';
import { type Random, uniform } from '../../base/random.js';
import type { Authority } from './authority.js';
import { AuthorityGuard } from './authority-guard.js';
import { openAuthority } from './authority-store.js';
import { isCertificateName } from './certificate-names.js';
import { type CertificateStore, certificateStore } from './certificate-store.js';
import { type Leaf, leafFromPem, leafToPem } from './leaf.js';
import { type LeafPurpose, unfit } from './leaf-check.js';

/** How often the clock and the files are looked at. */
const CHECK_MS = 60_000;
/** After trouble the next look is twice as far away each time, up to this. */
const MAX_CHECK_MS = 3_600_000;
/** When in its life a leaf is renewed: at random, so that leaders that were started together do not renew together. */
const RENEW_FROM = 0.5;
const RENEW_TO = 0.8;
/** An authority that ends so soon is spoken of at each start and each renewal. */
const SOON_MS = 365 * 86_400_000;

export interface LeafKeeperOptions extends LeafPurpose {
  /** Where `ca.pem` and `leaf.pem` are kept; must be there. @default none: in memory only */
  readonly directory?: string | undefined;
  /** Other things of this authority's are known, such as enrolled devices: that it is missing is an error. @default false */
  readonly expected?: boolean | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** @default silent */
  readonly log?: Log | undefined;
  /** How long a leaf is valid. @default 90 days */
  readonly lifetimeMs?: number | undefined;
}

/**
 * Keeps the leader's certificate fit for use: renews it at a random 50 to 80 % of its life, replaces one that was
 * lost. Whatever happens to the disk meanwhile, `current()` has a good one. Fits a listener's `tls`.
 */
export class LeafKeeper implements AsyncDisposable {
  readonly #options: LeafKeeperOptions;
  readonly #log: Log;
  readonly #store: CertificateStore;
  readonly #events: Emitter<{ change: undefined }>;
  readonly #guard: AuthorityGuard;
  readonly #counters = { leafDamaged: 0, leafUnsaved: 0, leafNotIssued: 0 };
  #authority: Authority;
  #leaf: Leaf;
  #renewAt: number;
  #saved = true;
  /** Looks in a row that met with trouble. */
  #troubles = 0;
  #timer: Timer | undefined;
  /** Checks and rotations run one after the other. */
  #work: Promise<unknown> = Promise.resolve();
  #rotating = false;
  #stopped = false;

  private constructor(options: LeafKeeperOptions, kept: { store: CertificateStore; authority: Authority; leaf: Leaf }) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#events = new Emitter((error) => this.#log.error({ error: messageOf(error) }, 'a listener failed'));
    this.#store = kept.store;
    this.#guard = new AuthorityGuard(kept.store, this.#log);
    this.#authority = kept.authority;
    this.#leaf = kept.leaf;
    this.#renewAt = this.#pickRenewal();
  }

  /**
   * Opens what is kept; makes an authority at the first start only, and a leaf if there is none that is fit. A leaf
   * that cannot be written does no harm: it is tried again later.
   * @throws as `openAuthority` does; NetworkError INVALID_OPTION if others can use the leaf's file
   */
  static async open(given: LeafKeeperOptions): Promise<LeafKeeper> {
    const log = given.log ?? silentLog;
    const options = { ...given, names: given.names.filter((name) => isNameOrTell(name, log)) };
    const { clock, random } = options;
    const store = certificateStore(options.directory);
    const isFirst = store.read('ca.pem') === undefined;
    const authority = await openAuthority(store, {
      cluster: options.cluster,
      now: clock.wallNow(),
      random,
      expected: options.expected ?? false,
    });
    const found = findLeaf(store, authority, options);
    // At a first start there is nothing to miss.
    if (typeof found === 'string' && !isFirst)
      log.info({ file: store.where('leaf.pem') }, `a new certificate is made: ${found}`);
    const leaf = typeof found === 'string' ? await issue(authority, options) : found;
    const keeper = new LeafKeeper(options, { store, authority, leaf });
    if (leaf !== found) keeper.#save();
    keeper.#warnOfEnd();
    keeper.#schedule();
    return keeper;
  }

  /** PEM: the private key, and the chain to serve. */
  current(): { readonly key: string; readonly chain: string } {
    return this.#leaf;
  }

  /** After each renewal, and each rotation of the authority. */
  onChange(listener: () => void): Disposable {
    return this.#events.on('change', listener);
  }

  /** The present one. */
  get authority(): Authority {
    return this.#authority;
  }

  /** What went wrong since the start. */
  get counters(): Readonly<Record<'leafDamaged' | 'leafUnsaved' | 'leafNotIssued' | 'authorityDamaged', number>> {
    return { ...this.#counters, authorityDamaged: this.#guard.damaged };
  }

  /** Milliseconds since the epoch. */
  get leaf(): { readonly notBefore: number; readonly notAfter: number; readonly renewAt: number } {
    return { notBefore: this.#leaf.notBefore, notAfter: this.#leaf.notAfter, renewAt: this.#renewAt };
  }

  /**
   * Replaces the authority by its successor, on disk first, and the leaf with it.
   * @throws NetworkError OVERLOADED while another rotation runs, STOPPED; what writing fails with: then nothing changed
   */
  async rotate(): Promise<Authority> {
    if (this.#stopped) throw new NetworkError('STOPPED', 'the leader is stopping: its authority is not replaced');
    if (this.#rotating) throw new NetworkError('OVERLOADED', 'the authority is being replaced already');
    this.#rotating = true;
    try {
      return await this.#inTurn(async () => {
        const { clock, random } = this.#options;
        const next = await this.#authority.rotate(clock.wallNow(), random);
        const leaf = await issue(next, this.#options);
        this.#store.write('ca.pem', next.toPem());
        this.#authority = next;
        this.#install(leaf);
        this.#log.info({ fingerprint: hex(next.fingerprint) }, 'the authority was replaced');
        return next;
      });
    } finally {
      this.#rotating = false;
    }
  }

  /** Resolves when nothing is under way any more. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#work;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => {});
    return done;
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.setTimer(this.#nextCheckMs(), () => {
      void this.#inTurn(() => this.#check()).then(() => this.#schedule());
    });
  }

  #nextCheckMs(): number {
    return Math.min(CHECK_MS * 2 ** this.#troubles, MAX_CHECK_MS);
  }

  async #check(): Promise<void> {
    const damage = this.#damage();
    const due = this.#due();
    if (damage !== undefined) {
      this.#counters.leafDamaged += 1;
      this.#log.warn({ file: this.#store.where('leaf.pem') }, `a new certificate is made: ${damage}`);
    }
    if (due !== undefined) this.#log.info({}, `a new certificate is made: ${due}`);
    this.#troubles = damage === undefined && this.#saved ? 0 : this.#troubles + 1;
    if (damage !== undefined || due !== undefined) await this.#replace();
    else if (!this.#saved) this.#save();
    this.#guard.look(this.#authority);
  }

  #due(): string | undefined {
    const now = this.#options.clock.wallNow();
    if (now < this.#leaf.notBefore) return "this machine's clock was set back, and the certificate is not valid yet";
    return now >= this.#renewAt ? 'it is time to renew it' : undefined;
  }

  /** What happened to the file; of one that was never written nothing is expected. */
  #damage(): string | undefined {
    if (!this.#saved) return undefined;
    try {
      const text = this.#store.read('leaf.pem');
      if (text === undefined) return 'the file was deleted';
      return text === leafToPem(this.#leaf) ? undefined : 'the file was changed';
    } catch (error) {
      return messageOf(error);
    }
  }

  async #replace(): Promise<void> {
    try {
      this.#install(await issue(this.#authority, this.#options));
      this.#warnOfEnd();
    } catch (error) {
      this.#counters.leafNotIssued += 1;
      this.#troubles += 1;
      this.#log.error({ error: messageOf(error) }, 'no new certificate could be made; the present one stays in use');
    }
  }

  #install(leaf: Leaf): void {
    this.#leaf = leaf;
    this.#renewAt = this.#pickRenewal();
    this.#save();
    this.#events.emit('change', undefined);
  }

  #save(): void {
    try {
      this.#store.write('leaf.pem', leafToPem(this.#leaf));
      this.#saved = true;
    } catch (error) {
      this.#saved = false;
      this.#counters.leafUnsaved += 1;
      this.#log.error(
        { file: this.#store.where('leaf.pem'), error: messageOf(error), retryInMs: this.#nextCheckMs() },
        'the certificate could not be written; it is in use all the same, and is written again later',
      );
    }
  }

  #pickRenewal(): number {
    const { notBefore, notAfter } = this.#leaf;
    return Math.round(notBefore + (notAfter - notBefore) * uniform(this.#options.random, RENEW_FROM, RENEW_TO));
  }

  #warnOfEnd(): void {
    const { notAfter } = this.#authority;
    if (notAfter - this.#options.clock.wallNow() > SOON_MS) return;
    const until = new Date(notAfter).toISOString();
    this.#log.warn({ until }, "the authority's certificate ends: replace it in time (netmgr ca rotate)");
  }
}

const issue = (authority: Authority, options: LeafKeeperOptions): Promise<Leaf> =>
  authority.issueLeaf({ ...options, now: options.clock.wallNow() });

/**
 * The leaf that is kept, or why it will not do.
 * @throws NetworkError INVALID_OPTION if others can use the file
 */
function findLeaf(store: CertificateStore, authority: Authority, options: LeafKeeperOptions): Leaf | string {
  try {
    const text = store.read('leaf.pem');
    if (text === undefined) return 'there is none';
    const leaf = leafFromPem(text);
    if (leaf === undefined) return 'the file is damaged';
    return unfit(leaf, { ...options, authority, now: options.clock.wallNow() }) ?? leaf;
  } catch (error) {
    if (toNetworkError(error).code === 'INVALID_OPTION') throw error;
    return messageOf(error);
  }
}

/** A host's own name may be anything, and must not keep the leader from starting. */
function isNameOrTell(name: string, log: Log): boolean {
  if (isCertificateName(name)) return true;
  log.warn({ name }, 'this is no host name and no IP address: it is left out of the certificate');
  return false;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
