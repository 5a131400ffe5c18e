import { crc32 } from 'node:zlib';
import { seededRandom } from '../../../src/base/random.js';
import type { MessageDraft, NetworkMessage } from '../../../src/message/message.js';
import { payloadOf } from '../../../src/message/raw-payload.js';
import { Stamp } from '../../../src/message/stamp.js';
import type { Network } from '../../../src/network/network.js';
import type { EndpointLab } from '../endpoint-lab.js';

/** A node that speaks for itself, and may say whatever it likes. */
export class RawPeer {
  readonly network: Network;
  readonly received: NetworkMessage[] = [];
  /** Called for each message that comes. */
  onMessage: (message: NetworkMessage) => void = () => {};
  readonly #stamp: Stamp;
  readonly #lab: EndpointLab;

  private constructor(lab: EndpointLab, self: string, dial: string) {
    this.#lab = lab;
    this.network = lab.hub.node(self, { dial });
    this.#stamp = new Stamp(self, lab.clock, seededRandom(self));
    this.network.onMessage((message) => {
      this.received.push(message);
      this.onMessage(message);
    });
  }

  /** Connected when it resolves. */
  static async join(lab: EndpointLab, self: string, dial: string): Promise<RawPeer> {
    const peer = new RawPeer(lab, self, dial);
    await peer.network.start();
    await lab.clock.runUntil(() => peer.network.peers.size > 0);
    return peer;
  }

  /** Sends, and lets what comes of it happen. */
  async say(draft: Partial<MessageDraft> & Pick<MessageDraft, 'type'>): Promise<void> {
    this.network.send(this.#stamp.make({ kind: 'control', to: 'a', ...draft }));
    await this.#lab.clock.advance(10);
  }

  chunk(re: string, offset: number, data: Uint8Array, crc: number = crc32(data)): Promise<void> {
    return this.say({ type: 'body-chunk', re, payload: { offset, crc, data } });
  }

  /** What came, in short: the type, and the fields of its payload. */
  heard(...types: readonly string[]): unknown[] {
    return this.received.filter(({ type }) => types.includes(type)).map(payloadOf);
  }

  stop(): Promise<void> {
    return this.#lab.settle(this.network.stop());
  }
}
