import { connect, type Socket } from 'node:net';
import type { Clock, Timer } from '../../base/clock.js';
import { fromWire, isErrorCode, messageOf, NetworkError, toNetworkError } from '../../base/errors.js';
import type { Random } from '../../base/random.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import { type Address, formatAddress } from '../address.js';
import type { PeerEvent } from '../network.js';
import { Reconnect } from '../reconnect.js';
import type { Connection } from './connection.js';
import type { Greeter, Greeting } from './greeter.js';
import { readWelcome } from './hello.js';
import { LinkedSocket } from './linked-socket.js';
import type { ResolvedDial } from './options.js';
import type { SocketOptions } from './socket-options.js';

export interface DialerParts {
  readonly options: ResolvedDial;
  readonly clock: Clock;
  readonly random: Random;
  readonly socketOptions: SocketOptions;
  readonly subprotocol: string;
  /** Makes the connection of a socket that was just opened. */
  connection(socket: LinkedSocket, raw: Socket): Connection;
  /** Every socket, from its first moment, so that none is forgotten at the end. */
  track(socket: LinkedSocket): void;
  hello(): NetworkMessage;
  opened(connection: Connection, greeting: Greeting): void;
  emit(event: PeerEvent): void;
  failed(): void;
}

/** What a listener takes before authentication is 4,096 bytes, the HTTP upgrade included. */
const MAX_HELLO_BYTES = 3_584;

/** Keeps one connection to one address: dials, greets, and dials again when it is lost, until it is refused for good. */
export class Dialer {
  readonly address: string;
  readonly #parts: DialerParts;
  #stopped = false;
  #reconnect = Reconnect.initial;
  #attempts = 0;
  /** Since when there is no connection. */
  #since = 0;
  #connectedAt = 0;
  #windowMs = 0;
  #timer: Timer | undefined;
  #attempt: Attempt | undefined;

  constructor(parts: DialerParts) {
    this.#parts = parts;
    this.address = formatAddress(parts.options.address);
  }

  start(): void {
    this.#since = this.#parts.clock.now();
    this.#dial();
  }

  /** Dials no more; a dial under way is given up. An open connection stays. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#attempt?.abandon();
  }

  /** The connection that `opened` announced is gone. */
  lost(connection: Connection): void {
    if (this.#stopped) return;
    const now = this.#parts.clock.now();
    this.#since = now;
    this.#attempts = 0;
    const { farewell } = connection;
    if (farewell && !farewell.retryable) {
      this.#refused(farewell);
      return;
    }
    const { retryForMs } = this.#parts.options;
    if (retryForMs === 0) {
      this.#refused(new NetworkError('CONNECTION_FAILED', `the connection to ${this.address} ended`));
      return;
    }
    this.#reconnect = this.#reconnect.lost(this.#windowMs, now - this.#connectedAt);
    this.#schedule(Math.min(this.#nextDelay(), retryForMs));
  }

  #dial(): void {
    const { clock, options } = this.#parts;
    this.#attempts += 1;
    const attempt = new Attempt(this.#parts, {
      opened: (connection, greeting) => {
        this.#attempt = undefined;
        this.#connectedAt = clock.now();
        const windowMs = greeting.greeting['reconnectWindowMs'];
        this.#windowMs = typeof windowMs === 'number' ? windowMs : 0;
        this.#parts.opened(connection, greeting);
      },
      failed: (error) => {
        this.#attempt = undefined;
        this.#failed(error);
      },
    });
    this.#attempt = attempt;
    attempt.start(clock, options.dialTimeoutMs);
  }

  #failed(error: NetworkError): void {
    if (this.#stopped) return;
    const { clock, options } = this.#parts;
    this.#parts.failed();
    if (!error.retryable) {
      this.#refused(error);
      return;
    }
    const leftMs = options.retryForMs - (clock.now() - this.#since);
    if (leftMs <= 0) {
      const tries = this.#attempts === 1 ? '' : ` after ${this.#attempts} attempts`;
      this.#refused(
        new NetworkError('CONNECTION_FAILED', `${error.message}${tries}`, { cause: error, hint: error.hint }),
      );
      return;
    }
    const retryInMs = Math.min(this.#nextDelay(), leftMs);
    this.#schedule(retryInMs);
    this.#parts.emit({ type: 'unreachable', address: this.address, error, attempt: this.#attempts, retryInMs });
  }

  #nextDelay(): number {
    const step = this.#reconnect.next(this.#parts.random);
    this.#reconnect = step.next;
    return step.delayMs;
  }

  #schedule(delayMs: number): void {
    this.#timer = this.#parts.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#dial();
    });
  }

  #refused(error: NetworkError): void {
    this.#stopped = true;
    this.#parts.emit({ type: 'refused', address: this.address, error });
  }
}

interface AttemptEnd {
  opened(connection: Connection, greeting: Greeting): void;
  failed(error: NetworkError): void;
}

/** One dial: the socket, the upgrade, hello and welcome, under one deadline. Ends exactly once. */
class Attempt implements Greeter {
  readonly #parts: DialerParts;
  readonly #end: AttemptEnd;
  readonly #address: string;
  #socket: LinkedSocket | undefined;
  #connection: Connection | undefined;
  #timer: Timer | undefined;
  #over = false;

  constructor(parts: DialerParts, end: AttemptEnd) {
    this.#parts = parts;
    this.#end = end;
    this.#address = formatAddress(parts.options.address);
  }

  start(clock: Clock, timeoutMs: number): void {
    this.#timer = clock.setTimer(timeoutMs, () => {
      this.#fail(new NetworkError('CONNECTION_FAILED', `${this.#address} did not answer within ${timeoutMs} ms`));
    });
    const { options, subprotocol, socketOptions } = this.#parts;
    const { address } = options;
    const socket = new LinkedSocket(urlOf(address), [subprotocol], {
      ...socketOptions,
      createConnection: () => (address.kind === 'unix' ? connect({ path: address.path }) : connect(address)),
    });
    this.#socket = socket;
    this.#parts.track(socket);
    let raw: Socket | undefined;
    socket.once('upgrade', (response) => {
      raw = response.socket;
    });
    socket.once('open', () => this.#greet(socket, raw as Socket));
    socket.once('unexpected-response', (_request, response) => {
      const code = response.headers['netmgr-error'];
      this.#fail(
        isErrorCode(code)
          ? new NetworkError(code, `${this.#address} refused the connection: HTTP ${response.statusCode}`)
          : new NetworkError('CONNECTION_FAILED', `${this.#address} is no netmgr node: HTTP ${response.statusCode}`),
      );
    });
    socket.on('error', (error) => this.#fail(dialError(this.#address, error)));
  }

  abandon(): void {
    this.#fail(new NetworkError('STOPPED', 'this node was stopped'));
  }

  received(message: NetworkMessage): void {
    if (message.kind === 'error') {
      this.#fail(fromWire(payloadOf(message), message.from));
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

  #greet(socket: LinkedSocket, raw: Socket): void {
    if (this.#over) return;
    const connection = this.#parts.connection(socket, raw);
    this.#connection = connection;
    connection.greet(this);
    try {
      const hello = this.#parts.hello();
      const { bytes } = connection.codec.encode(hello);
      if (bytes > MAX_HELLO_BYTES) {
        throw new NetworkError('TOO_LARGE', `the hello has ${bytes} bytes, more than the ${MAX_HELLO_BYTES} allowed`);
      }
      connection.write(hello);
    } catch (error) {
      this.#fail(toNetworkError(error));
    }
  }

  #welcomed(message: NetworkMessage): void {
    const welcome = readWelcome(message);
    const connection = this.#connection;
    if (this.#over || connection === undefined) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#end.opened(connection, { ...welcome, maySubmit: true });
  }

  #fail(error: NetworkError): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#socket?.terminate();
    this.#end.failed(error);
  }
}

// Where to connect is decided by createConnection; the URL gives the Host header and the path.
const urlOf = (address: Address): string => (address.kind === 'unix' ? 'ws://localhost/' : `ws://${hostOf(address)}/`);

const hostOf = (address: Address & { readonly kind: 'tcp' }): string => formatAddress(address);

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOENT: 'the socket does not exist',
  ENOTFOUND: 'the host name is not known',
  ECONNRESET: 'the connection was reset',
  EACCES: 'permission denied',
  EHOSTUNREACH: 'no way leads to the host',
  ENETUNREACH: 'no way leads to its network',
};

function dialError(address: string, cause: NodeJS.ErrnoException): NetworkError {
  const reason = (cause.code !== undefined && REASONS[cause.code]) || messageOf(cause);
  return new NetworkError('CONNECTION_FAILED', `cannot connect to ${address}: ${reason}`, { cause });
}
