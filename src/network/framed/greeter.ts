import type { NetworkError } from '../../base/errors.js';
import type { NodeId, Role } from '../../base/names.js';
import type { Codec } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Reading } from './hello.js';

/** Who has a connection until it is open. */
export interface Greeter {
  received(message: NetworkMessage): void;
  ended(error: NetworkError): void;
}

/** The peer as its handshake has shown it. */
export interface Greeting {
  readonly node: NodeId;
  readonly role: Role;
  /** Whether it may ask for work of others. */
  readonly maySubmit: boolean;
  readonly instance: string;
  readonly version: string;
  readonly greeting: Readonly<Record<string, unknown>>;
  readonly reading: Reading;
  /** What both sides write from now on. @default what the connection was opened with */
  readonly codec?: Codec | undefined;
}
