import { type Clock, SystemClock } from '../base/clock.js';
import { NetworkError } from '../base/errors.js';
import { type Log, silentLog } from '../base/log.js';
import { NODE_NAME, type NodeId, type Role } from '../base/names.js';
import { type Random, systemRandom } from '../base/random.js';
import { VERSION } from '../base/version.js';
import type { ListenOptions } from '../network/framed/listen-options.js';
import { SocketAuthenticator } from '../network/socket-authenticator.js';
import type { BodyLimits } from '../network/streams/limits.js';
import type { WebSocketLimits } from '../network/websocket/options.js';
import type { NetworkFactory } from '../network/wiring.js';

/** What every node may be given; the defaults are the machine's own. */
export interface CommonOptions {
  /** The cluster's name. @default 'default' for a leader, whichever it finds for the others */
  readonly cluster?: string | undefined;
  /** A pino logger fits. @default silent */
  readonly log?: Log | undefined;
  /** @default the machine's */
  readonly clock?: Clock | undefined;
  /** @default the machine's */
  readonly random?: Random | undefined;
  /** Another transport, for example a node of an InMemoryNetwork. @default WebSocket */
  readonly network?: NetworkFactory | undefined;
  /** Bounds of the WebSocket transport. */
  readonly limits?: Partial<WebSocketLimits> | undefined;
  /** Bounds of the byte streams that go with requests. */
  readonly bodies?: Partial<BodyLimits> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where a leader is when nothing else is said; its port is 7700. */
export const DEFAULT_HOST = '127.0.0.1';
/** The name of the UNIX socket's listener, as `Peer.listener` shows it. */
const SOCKET = 'socket';

/** What a node is made of when nothing else is said. */
interface Machine {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  readonly pid: number;
  readonly bodies: Partial<BodyLimits> | undefined;
}

export function machineOf(options: CommonOptions): Machine {
  return {
    clock: options.clock ?? new SystemClock(),
    random: options.random ?? systemRandom,
    log: options.log ?? silentLog,
    version: VERSION,
    pid: process.pid,
    bodies: options.bodies,
  };
}

export function socketListener(path: string | undefined, roles?: readonly Role[]): ListenOptions[] {
  return path === undefined ? [] : [{ name: SOCKET, path, authenticator: new SocketAuthenticator({ roles }) }];
}

export function checkName(field: string, name: string): NodeId {
  if (typeof name === 'string' && NODE_NAME.test(name)) return name;
  throw new NetworkError('INVALID_OPTION', `${field}: ${JSON.stringify(name)?.slice(0, 80)} is not a name`, {
    hint: 'a lower-case letter or a digit, then up to 62 of a-z, 0-9 and . _ -',
  });
}

interface Startable {
  start(options: { signal?: AbortSignal | undefined }): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a node; one that cannot start is stopped. */
export async function started(node: Startable, signal: AbortSignal | undefined): Promise<void> {
  try {
    await node.start({ signal });
  } catch (error) {
    await node.stop();
    throw error;
  }
}
