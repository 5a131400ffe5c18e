import type { Timer } from '../../base/clock.js';
import { type ErrorCode, fromWire, NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { PeerEvent } from '../network.js';
import { Reconnect } from '../reconnect.js';
import type { NetworkWiring } from '../wiring.js';
import type { Connection } from './connection.js';
import type { Introduction, Segment } from './pipe.js';
import type { Session } from './session.js';

/** What it takes to dial. */
export interface DialParts {
  readonly wiring: NetworkWiring;
  readonly target: NodeId;
  /** What the node that is dialled lets this one do. */
  readonly maySubmit: boolean;
  readonly timeoutMs: number;
  connect(): Connection;
  /** Why the target cannot be reached at the moment, where the network says so. */
  barred(): NetworkError | undefined;
  established(connection: Connection, introduction: Introduction): void;
  tell(event: PeerEvent): void;
}

/** Refusals that another dial would only repeat. */
const FOR_GOOD: ReadonlySet<ErrorCode> = new Set([
  'NAME_IN_USE',
  'CLUSTER_MISMATCH',
  'VERSION_MISMATCH',
  'NOT_ALLOWED',
  'EVICTED',
]);

export const isForGood = ({ code }: NetworkError): boolean => FOR_GOOD.has(code);

/** Dials one node, again and again until it is told to stop or refused for good. */
export class Dialer {
  readonly #parts: DialParts;
  #series: Reconnect = Reconnect.initial;
  #timer: Timer | undefined;
  #connection: Connection | undefined;
  #over = false;

  constructor(parts: DialParts) {
    this.#parts = parts;
  }

  dial(): void {
    if (this.#over) return;
    const { wiring, timeoutMs, target, maySubmit } = this.#parts;
    const barred = this.#parts.barred();
    if (barred) {
      this.#timer = wiring.clock.setTimer(0, () => this.#failed(barred));
      return;
    }
    const connection = this.#parts.connect();
    this.#connection = connection;
    connection.hold('dialer', {
      receive: (segment) => this.#received(connection, segment),
      relieved: () => {},
      closed: () => {},
    });
    connection.out('dialer').push({ kind: 'hello', introduction: introduce(wiring, maySubmit, wiring.greeting?.()) });
    this.#timer = wiring.clock.setTimer(timeoutMs, () => {
      connection.abandon('dialer');
      this.#failed(new NetworkError('CONNECTION_FAILED', `${target} did not answer within ${timeoutMs} ms`));
    });
  }

  /** The connection that this dialled has ended. */
  lost(session: Session, error: NetworkError): void {
    if (this.#over) return;
    if (isForGood(error)) {
      this.#refused(error);
      return;
    }
    const { wiring } = this.#parts;
    const windowMs = Number(session.greeting.reconnectWindowMs ?? 0);
    this.#again(this.#series.lost(windowMs, wiring.clock.now() - session.openedAt));
  }

  stop(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#connection?.abandon('dialer');
    this.#connection = undefined;
  }

  #received(connection: Connection, segment: Segment): void {
    this.#timer?.cancel();
    this.#connection = undefined;
    if (segment.kind === 'welcome') this.#parts.established(connection, segment.introduction);
    else if (segment.kind === 'refusal') this.#refused(fromWire(segment.error, this.#parts.target));
    else this.#failed(new NetworkError('CONNECTION_FAILED', `${this.#parts.target} does not listen`));
  }

  #refused(error: NetworkError): void {
    if (!isForGood(error)) {
      this.#failed(error);
      return;
    }
    this.#over = true;
    this.#parts.tell({ type: 'refused', address: this.#address, error });
  }

  #failed(error: NetworkError): void {
    this.#connection = undefined;
    const attempt = this.#series.attempt + 1;
    const retryInMs = this.#again(this.#series);
    const { target } = this.#parts;
    this.#parts.tell({ type: 'unreachable', address: this.#address, node: target, error, attempt, retryInMs });
  }

  #again(series: Reconnect): number {
    const { delayMs, next } = series.next(this.#parts.wiring.random);
    this.#series = next;
    this.#timer = this.#parts.wiring.clock.setTimer(delayMs, () => this.dial());
    return delayMs;
  }

  get #address(): string {
    return `memory:${this.#parts.target}`;
  }
}

/** What a node says of itself at the handshake. What it says beside that crosses as JSON, as on any wire. */
export function introduce(
  wiring: NetworkWiring,
  maySubmit: boolean,
  greeting: Readonly<Record<string, unknown>> = {},
): Introduction {
  const { self, role, cluster, version, stamp } = wiring;
  return {
    node: self,
    role,
    maySubmit,
    cluster,
    instance: stamp.epoch,
    version,
    greeting: JSON.parse(JSON.stringify(greeting)) as Record<string, unknown>,
  };
}
