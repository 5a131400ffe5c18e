import { connect, type Socket } from 'node:net';
import type { Clock, Timer } from '../../base/clock.js';
import { fromWire, messageOf, NetworkError, toNetworkError } from '../../base/errors.js';
import type { NodeId, Role } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import { type Address, formatAddress, formatHostPort } from '../address.js';
import type { Credentials } from '../credentials.js';
import type { Connection } from './connection.js';
import { dialError, upgradeError } from './dial-error.js';
import type { Greeter, Greeting } from './greeter.js';
import { readWelcome } from './hello.js';
import { LinkedSocket } from './linked-socket.js';
import type { ResolvedDial } from './options.js';
import { dialSecurely } from './secure-dial.js';
import type { SocketOptions } from './socket-options.js';

export interface AttemptParts {
  readonly self: NodeId;
  readonly role: Role;
  readonly options: ResolvedDial;
  readonly socketOptions: SocketOptions;
  readonly subprotocol: string;
  /** Makes the connection of a socket that was just opened. */
  connection(socket: LinkedSocket, raw: Socket): Connection;
  /** Every socket, from its first moment, so that none is forgotten at the end. */
  track(socket: LinkedSocket): void;
  hello(): NetworkMessage;
  /** Makes a control message of ours. */
  control(verb: string, payload: unknown): NetworkMessage;
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

/** One dial: the socket, TLS, the upgrade, hello, proof and welcome, under one deadline. Ends exactly once. */
export class Attempt implements Greeter {
  readonly #parts: AttemptParts;
  readonly #end: AttemptEnd;
  readonly #address: string;
  readonly #abort = new AbortController();
  #socket: LinkedSocket | undefined;
  #connection: Connection | undefined;
  #timer: Timer | undefined;
  #binding: Uint8Array | undefined;
  #proved: boolean;
  #over = false;

  constructor(parts: AttemptParts, end: AttemptEnd) {
    this.#parts = parts;
    this.#end = end;
    this.#address = formatAddress(parts.options.address);
    this.#proved = parts.options.credentials === undefined;
  }

  start(clock: Clock, timeoutMs: number): void {
    this.#timer = clock.setTimer(timeoutMs, () => {
      this.#fail(new NetworkError('CONNECTION_FAILED', `${this.#address} did not answer within ${timeoutMs} ms`));
    });
    const { address, credentials } = this.#parts.options;
    if (address.kind === 'unix') this.#upgrade(() => connect({ path: address.path }));
    else if (credentials === undefined) this.#upgrade(() => connect({ host: address.host, port: address.port }));
    else void this.#secure(address, credentials);
  }

  abandon(): void {
    this.#fail(new NetworkError('STOPPED', 'this node was stopped'));
  }

  received(message: NetworkMessage): void {
    if (message.kind === 'error') {
      this.#fail(fromWire(payloadOf(message), message.from));
      return;
    }
    const { credentials } = this.#parts.options;
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
      this.#fail(
        new NetworkError('CONNECTION_FAILED', `${this.#address} is no netmgr node: ${messageOf(error)}`, {
          cause: error,
        }),
      );
    }
  }

  ended(error: NetworkError): void {
    this.#fail(error.retryable ? error : new NetworkError('CONNECTION_FAILED', error.message, { cause: error }));
  }

  async #secure(address: Address & { readonly kind: 'tcp' }, credentials: Credentials): Promise<void> {
    try {
      const { socket, binding } = await dialSecurely({ address, credentials, signal: this.#abort.signal });
      if (this.#over) {
        socket.destroy();
        return;
      }
      this.#binding = binding;
      this.#proved = true;
      this.#upgrade(() => socket);
    } catch (error) {
      this.#fail(toNetworkError(error, 'CONNECTION_FAILED'));
    }
  }

  #upgrade(createConnection: () => Socket): void {
    const { options, subprotocol, socketOptions, track } = this.#parts;
    const socket = new LinkedSocket(urlOf(options.address), [subprotocol], { ...socketOptions, createConnection });
    this.#socket = socket;
    track(socket);
    let raw: Socket | undefined;
    socket.once('upgrade', (response) => {
      raw = response.socket;
    });
    socket.once('open', () => this.#greet(socket, raw as Socket));
    socket.once('unexpected-response', (_request, response) => this.#fail(upgradeError(this.#address, response)));
    socket.on('error', (error) => this.#fail(dialError(this.#address, error)));
  }

  #greet(socket: LinkedSocket, raw: Socket): void {
    if (this.#over) return;
    const { connection: make, hello, options } = this.#parts;
    const connection = make(socket, raw);
    this.#connection = connection;
    connection.greet(this);
    try {
      const message = hello();
      const { bytes } = connection.codec.encode(message);
      const maxBytes = MAX_HELLO_BYTES - (options.credentials ? MAX_ANSWER_BYTES : 0);
      if (bytes > maxBytes) {
        throw new NetworkError('TOO_LARGE', `the hello has ${bytes} bytes, more than the ${maxBytes} allowed`);
      }
      connection.write(message);
    } catch (error) {
      this.#fail(toNetworkError(error));
    }
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
      this.#fail(toNetworkError(error));
    }
  }

  #welcomed(message: NetworkMessage): void {
    const welcome = readWelcome(message);
    const connection = this.#connection;
    if (this.#over || connection === undefined) return;
    try {
      this.#parts.options.credentials?.welcomed(welcome.greeting);
    } catch (error) {
      this.#fail(toNetworkError(error));
      return;
    }
    this.#over = true;
    this.#timer?.cancel();
    this.#end.opened(connection, { ...welcome, maySubmit: true });
  }

  #fail(error: NetworkError): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#abort.abort(error);
    this.#socket?.terminate();
    this.#end.failed(error, this.#proved);
  }
}

// Where to connect, and whether with TLS, is decided by createConnection; the URL gives the Host header and the path.
const urlOf = (address: Address): string =>
  address.kind === 'unix' ? 'ws://localhost/' : `ws://${formatHostPort(address.host, address.port)}/`;
