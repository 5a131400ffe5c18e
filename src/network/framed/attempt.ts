import type { Clock, Timer } from '../../base/clock.js';
import { fromWire, messageOf, NetworkError, toNetworkError } from '../../base/errors.js';
import type { NodeId, Role } from '../../base/names.js';
import type { Codec } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import type { Credentials } from '../credentials.js';
import type { Connection } from './connection.js';
import type { Greeter, Greeting } from './greeter.js';
import { readWelcome, type Welcome } from './hello.js';

export interface AttemptParts {
  readonly self: NodeId;
  readonly role: Role;
  /** For people. */
  readonly address: string;
  /** How this node proves who it is, to a peer that asks for it. */
  readonly credentials: Credentials | undefined;
  /** Connects, and tells the attempt what comes of it. When the signal fires, whatever there is must be ended. */
  connect(attempt: Connecting, signal: AbortSignal): void;
  hello(): NetworkMessage;
  /**
   * What both sides write from now on, if the greeting has to say it.
   * @throws NetworkError what the dial fails with: it is not the peer that was meant, or it wants what was not offered
   */
  agree?(welcome: Welcome): Codec | undefined;
  /** Makes a control message of ours. */
  control(verb: string, payload: unknown): NetworkMessage;
}

/** What the one that connects has to say. */
export interface Connecting {
  /** The peer has shown that it is the one that was meant: what the proof of this side is bound to. */
  proved(binding: Uint8Array): void;
  /** Frames can flow. */
  connected(connection: Connection): void;
  failed(error: NetworkError): void;
}

export interface AttemptEnd {
  opened(connection: Connection, greeting: Greeting): void;
  /** @param proved whether the peer was known to be the one that was meant, as far as it can be */
  failed(error: NetworkError, proved: boolean): void;
}

/** What a listener takes before authentication is 4,096 bytes, the HTTP upgrade included. */
const MAX_HELLO_BYTES = 3_584;
/** The answer to a challenge counts as well: key, signature, and a token. */
const MAX_ANSWER_BYTES = 768;

/** One dial: the link, hello, proof and welcome, under one deadline. Ends exactly once. */
export class Attempt implements Greeter, Connecting {
  readonly #parts: AttemptParts;
  readonly #end: AttemptEnd;
  readonly #abort = new AbortController();
  #connection: Connection | undefined;
  #timer: Timer | undefined;
  #binding: Uint8Array | undefined;
  #proved: boolean;
  #over = false;

  constructor(parts: AttemptParts, end: AttemptEnd) {
    this.#parts = parts;
    this.#end = end;
    this.#proved = parts.credentials === undefined;
  }

  start(clock: Clock, timeoutMs: number): void {
    const { address, connect } = this.#parts;
    this.#timer = clock.setTimer(timeoutMs, () => {
      this.failed(this.#connection === undefined ? notAnswered(address, timeoutMs) : notWelcomed(address, timeoutMs));
    });
    connect(this, this.#abort.signal);
  }

  abandon(): void {
    this.failed(new NetworkError('STOPPED', `${this.#parts.self} was stopped`));
  }

  proved(binding: Uint8Array): void {
    this.#binding = binding;
    this.#proved = true;
  }

  connected(connection: Connection): void {
    if (this.#over) return;
    const { hello, credentials } = this.#parts;
    this.#connection = connection;
    connection.greet(this);
    try {
      const message = hello();
      const { bytes } = connection.codec.encode(message);
      const maxBytes = MAX_HELLO_BYTES - (credentials ? MAX_ANSWER_BYTES : 0);
      if (bytes > maxBytes) {
        throw new NetworkError('TOO_LARGE', `the hello has ${bytes} bytes, more than the ${maxBytes} allowed`);
      }
      connection.write(message);
    } catch (error) {
      this.failed(toNetworkError(error));
    }
  }

  failed(error: NetworkError): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#abort.abort(error);
    this.#end.failed(error, this.#proved);
  }

  received(message: NetworkMessage): void {
    if (message.kind === 'error') {
      this.failed(fromWire(payloadOf(message), message.from));
      return;
    }
    const { address, credentials } = this.#parts;
    if (credentials !== undefined && message.kind === 'control' && message.type === 'challenge') {
      this.#answer(message, credentials);
      return;
    }
    try {
      if (message.kind !== 'control' || message.type !== 'welcome') {
        throw new NetworkError('INVALID_MESSAGE', `hello was answered with ${message.kind} ${message.type}`);
      }
      this.#welcomed(message);
    } catch (error) {
      this.failed(
        new NetworkError('CONNECTION_FAILED', `${address} is no netmgr node: ${messageOf(error)}`, {
          cause: error,
          address,
        }),
      );
    }
  }

  ended(error: NetworkError): void {
    const { address } = this.#parts;
    const { message, retryable } = error;
    this.failed(retryable ? error : new NetworkError('CONNECTION_FAILED', message, { cause: error, address }));
  }

  #answer(challenge: NetworkMessage, credentials: Credentials): void {
    const { control, self, role } = this.#parts;
    try {
      credentials.answer(challenge, {
        binding: this.#binding,
        node: self,
        role,
        write: (verb, payload) => {
          if (!this.#over) this.#connection?.write(control(verb, payload));
        },
      });
    } catch (error) {
      this.failed(toNetworkError(error));
    }
  }

  #welcomed(message: NetworkMessage): void {
    const welcome = readWelcome(message);
    const connection = this.#connection;
    if (this.#over || connection === undefined) return;
    const { credentials, agree } = this.#parts;
    let codec: Codec | undefined;
    try {
      credentials?.welcomed(welcome.greeting);
      codec = agree?.(welcome);
    } catch (error) {
      this.failed(toNetworkError(error));
      return;
    }
    this.#over = true;
    this.#timer?.cancel();
    this.#end.opened(connection, { ...welcome, maySubmit: true, codec });
  }
}

const notAnswered = (address: string, timeoutMs: number): NetworkError =>
  new NetworkError('CONNECTION_FAILED', `${address} did not answer within ${timeoutMs} ms`, { address });

const notWelcomed = (address: string, timeoutMs: number): NetworkError =>
  new NetworkError('HANDSHAKE_TIMEOUT', `${address} took the connection, but said no welcome within ${timeoutMs} ms`, {
    address,
  });
