import type { NodeId } from '../base/names.js';
import type { Handler } from '../manager/handler.js';
import { DEFAULT_PORT } from '../network/address.js';
import { WebSocketNetwork } from '../network/websocket/network.js';
import type { DialOptions } from '../network/websocket/options.js';
import { Collaborator, type CollaboratorOptions } from '../role/collaborator.js';
import { type CommonOptions, checkName, DEFAULT_HOST, machineOf, socketListener, started } from './common.js';
import { credentialsOf, type JoinOptions } from './join.js';

export interface CreateCollaboratorOptions extends CommonOptions, JoinOptions {
  /** `wss://host:port`, `host:port`, or `ws://host:port` without TLS. @default 127.0.0.1:7700 */
  readonly leader?: string | undefined;
  readonly name: NodeId;
  readonly handlers?: readonly Handler[] | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** How much this node likes to do at once. @default 1 */
  readonly slots?: number | undefined;
  /** More counters for `status`. @default none */
  readonly counters?: CollaboratorOptions['counters'];
  /** A UNIX socket for operators who ask for this node's own view. @default none */
  readonly socketPath?: string | undefined;
  /** @default 'json' */
  readonly codec?: DialOptions['codec'];
  /** Compresses payloads of 1 KiB and more, if the leader agrees: for slow links. @default false */
  readonly compression?: DialOptions['compression'];
  /** How long a leader that cannot be reached is dialled again. @default 'forever' */
  readonly retry?: DialOptions['retry'];
}

/**
 * Starts a collaborator; resolves once a leader has taken it in, and comes back by itself whenever the leader does.
 *
 * @throws NetworkError NAME_IN_USE and others that say why the leader refuses it; CONNECTION_FAILED if `retry` ran out
 */
export async function createCollaborator(options: CreateCollaboratorOptions): Promise<Collaborator> {
  const collaborator = prepareCollaborator(options);
  await started(collaborator, options.signal);
  await untilJoined(collaborator, options.signal);
  return collaborator;
}

/** A collaborator that is not started: for those who want to listen to its events from the first dial on. */
export function prepareCollaborator(options: CreateCollaboratorOptions): Collaborator {
  const address = options.leader ?? `${DEFAULT_HOST}:${DEFAULT_PORT}`;
  const settings = machineOf(options);
  const name = checkName('name', options.name);
  const credentials = credentialsOf(address, options, { node: name, role: 'collaborator' });
  const { retry, codec, compression } = options;
  const dial: DialOptions = { address, credentials, retry, codec, compression };
  const listen = socketListener(options.socketPath);
  return new Collaborator({
    ...settings,
    name,
    cluster: options.cluster,
    network: options.network ?? ((wiring) => new WebSocketNetwork(wiring, { dial, listen, limits: options.limits })),
    handlers: options.handlers,
    tags: options.tags,
    slots: options.slots,
    counters: options.counters,
    address,
  });
}

async function untilJoined(collaborator: Collaborator, signal: AbortSignal | undefined): Promise<void> {
  const onAbort = () => void collaborator.stop();
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await collaborator.joined();
  } catch (error) {
    await collaborator.stop();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
