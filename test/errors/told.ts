import { fromWire, type NetworkError } from '../../src/base/errors.js';
import { type Stranger, until } from '../network/websocket-nodes.js';

/** What the leader has told a hand-made peer about its hello, a message or the connection, as any node reads it. */
export async function told(stranger: Stranger, type: 'hello' | 'message' | 'connection'): Promise<NetworkError> {
  await until(() => stranger.error(type) !== undefined, `an error about the ${type}`);
  return fromWire(stranger.error(type), 'leader');
}
