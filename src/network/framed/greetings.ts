import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import type { NetworkWiring } from '../wiring.js';
import { type GreetingParts, greetingPayload } from './hello.js';
import type { FramedLimits } from './limits.js';

/** What this node says of itself when a connection begins. */
export class Greetings {
  readonly #wiring: NetworkWiring;
  readonly #limits: FramedLimits;

  constructor(wiring: NetworkWiring, limits: FramedLimits) {
    this.#wiring = wiring;
    this.#limits = limits;
  }

  /**
   * To the node that was dialled.
   * @param to who is expected there, if that is known
   * @param codecs the names of those that may follow, where the transport does not say
   */
  hello(to?: NodeId, codecs?: readonly string[]): NetworkMessage {
    const greeting = this.#wiring.greeting?.() ?? {};
    return this.#make('hello', { node: undefined, greeting, codec: undefined, codecs }, to);
  }

  /**
   * To a node that was admitted.
   * @param codec the name of what follows, where the transport does not say
   */
  welcome(greeting: Readonly<Record<string, unknown>>, codec?: string): NetworkMessage {
    return this.#make('welcome', { node: this.#wiring.self, greeting, codec, codecs: undefined });
  }

  #make(type: string, own: Pick<GreetingParts, 'node' | 'greeting' | 'codec' | 'codecs'>, to?: NodeId): NetworkMessage {
    const { role, cluster, version, stamp } = this.#wiring;
    const { windowBytes, maxFrameBytes } = this.#limits;
    const payload = greetingPayload({
      node: own.node,
      role,
      cluster,
      version,
      instance: stamp.epoch,
      reading: { windowBytes, maxFrameBytes },
      codec: own.codec,
      codecs: own.codecs,
      greeting: own.greeting,
    });
    return stamp.make({ kind: 'control', type, to, payload });
  }
}
