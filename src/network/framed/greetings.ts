import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import type { NetworkWiring } from '../wiring.js';
import { greetingPayload } from './hello.js';
import type { FramedLimits } from './limits.js';

/** What this node says of itself when a connection begins. */
export class Greetings {
  readonly #wiring: NetworkWiring;
  readonly #limits: FramedLimits;

  constructor(wiring: NetworkWiring, limits: FramedLimits) {
    this.#wiring = wiring;
    this.#limits = limits;
  }

  /** To the node that was dialled. */
  hello(): NetworkMessage {
    return this.#make('hello', { greeting: this.#wiring.greeting?.() ?? {} });
  }

  /** To a node that was admitted. */
  welcome(greeting: Readonly<Record<string, unknown>>): NetworkMessage {
    return this.#make('welcome', { node: this.#wiring.self, greeting });
  }

  #make(
    type: string,
    own: { readonly node?: NodeId; readonly greeting: Readonly<Record<string, unknown>> },
  ): NetworkMessage {
    const { role, cluster, version, stamp } = this.#wiring;
    const { windowBytes, maxFrameBytes } = this.#limits;
    const reading = { windowBytes, maxFrameBytes };
    const payload = greetingPayload({ ...own, role, cluster, version, instance: stamp.epoch, reading });
    return stamp.make({ kind: 'control', type, payload });
  }
}
