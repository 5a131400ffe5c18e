import { type Deferred, deferred } from '../../base/deferred.js';
import { NetworkError, toNetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { Codec } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Stamp } from '../../message/stamp.js';
import type { AuthenticationChannel, Authenticator, Identity } from '../authenticator.js';
import type { Arrival } from './arrival.js';
import type { Connection } from './connection.js';
import type { Greeter, Greeting } from './greeter.js';
import { type Greeted, readHello } from './hello.js';

export interface AcceptOptions {
  readonly connection: Connection;
  readonly arrival: Arrival;
  readonly authenticator: Authenticator;
  readonly stamp: Stamp;
  readonly self: NodeId;
  readonly cluster: string | undefined;
  /**
   * What both sides write once the peer is in, of what it offers. @default the codec of the greeting
   * @throws NetworkError VERSION_MISMATCH
   */
  readonly agree?: CodecAgreement | undefined;
  /**
   * Resolves when no other process that is there has the peer's name. @default at once
   * @throws NetworkError NAME_IN_USE
   */
  readonly vacate?: ((newcomer: Pick<Greeting, 'node' | 'instance'>) => Promise<void>) | undefined;
  /** Asks whether the peer may come in, says welcome (with these fields) and opens the connection, or throws why not. */
  admit(greeting: Greeting, welcome: Identity['welcome']): void;
  /** It was refused. */
  refused(error: NetworkError): void;
}

/** @param offered names of codecs; undefined: the peer said nothing of it */
export type CodecAgreement = (offered: readonly string[] | undefined) => Codec;

/** The listening side of the greeting. Its deadline is the gate's: whatever this waits for ends with the socket. */
export class Acceptance implements Greeter, AuthenticationChannel {
  readonly transport: AuthenticationChannel['transport'];
  readonly address: string;
  readonly #options: AcceptOptions;
  /** Bounded by the bytes that a peer may send before it has authenticated. */
  readonly #inbox: NetworkMessage[] = [];
  #reader: Deferred<NetworkMessage> | undefined;
  #error: NetworkError | undefined;

  constructor(options: AcceptOptions) {
    this.#options = options;
    this.transport = options.arrival.transport;
    this.address = options.connection.address;
    options.connection.greet(this);
  }

  get binding(): Uint8Array | undefined {
    return this.#options.arrival.binding;
  }

  get certified(): ReadonlySet<NodeId> | undefined {
    return this.#options.arrival.certified;
  }

  received(message: NetworkMessage): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader) reader.resolve(message);
    else this.#inbox.push(message);
  }

  ended(error: NetworkError): void {
    this.#error = error;
    this.#reader?.reject(error);
  }

  read(): Promise<NetworkMessage> {
    if (this.#error) return Promise.reject(this.#error);
    const message = this.#inbox.shift();
    if (message) return Promise.resolve(message);
    this.#reader = deferred<NetworkMessage>();
    return this.#reader.promise;
  }

  write(verb: string, payload: unknown): void {
    const { connection, stamp } = this.#options;
    if (!connection.ended) connection.write(stamp.make({ kind: 'control', type: verb, payload }));
  }

  /** Resolves when the peer is in or refused; never rejects. */
  async run(): Promise<void> {
    const { connection, authenticator, agree, vacate, admit, refused } = this.#options;
    try {
      const message = await this.read();
      this.#checkName(message);
      const greeted = readHello(message);
      const identity = await authenticator.authenticate(greeted.hello, this);
      if (connection.ended) return;
      this.#checkCluster(greeted);
      const greeting = { ...greetingOf(greeted, identity), codec: agree?.(greeted.codecs) };
      await vacate?.(greeting);
      if (connection.ended) return;
      if (this.#inbox.length > 0) throw new NetworkError('INVALID_MESSAGE', 'nothing may be sent before the welcome');
      admit(greeting, identity.welcome);
    } catch (thrown) {
      if (connection.ended) return;
      const error = toNetworkError(thrown, 'NOT_ALLOWED');
      refused(error);
      connection.refuse(error);
    }
  }

  /** Addresses get new tenants; who dials a name does not want whoever is there now. */
  #checkName({ to }: NetworkMessage): void {
    const { self } = this.#options;
    if (to !== undefined && to !== self) throw new NetworkError('UNREACHABLE', `this is ${self}, not ${to}`);
  }

  #checkCluster({ hello }: Greeted): void {
    const ours = this.#options.cluster;
    if (ours === undefined || hello.cluster === undefined || hello.cluster === ours) return;
    throw new NetworkError('CLUSTER_MISMATCH', `this is cluster ${ours}, not ${hello.cluster}`);
  }
}

const greetingOf = ({ hello, reading }: Greeted, identity: Identity): Greeting => ({
  node: identity.node,
  role: identity.role,
  maySubmit: identity.maySubmit,
  instance: hello.instance,
  version: hello.version,
  greeting: hello.greeting,
  reading,
});
