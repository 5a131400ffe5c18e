import type { MessageDraft, NetworkMessage } from '../../../message/message.js';
import { payloadOf } from '../../../message/raw-payload.js';
import { demand, demandCode, demandEqual } from '../assertions.js';
import type { Demand } from '../demand.js';
import type { Stage } from '../stage.js';
import type { Station } from '../station.js';
import { noise, noisyBytes } from './noise.js';

/** The longest payload is so many bytes shorter than the limit, at most: the envelope needs room. */
const SLACK = 512;

/** Messages whose envelopes all have the same length. */
class Sizer {
  readonly #stage: Stage;
  readonly #from: Station;
  readonly #to: Station;
  #sent = 0;

  constructor(stage: Stage, from: Station, to: Station) {
    this.#stage = stage;
    this.#from = from;
    this.#to = to;
  }

  /** What becomes of a message with this payload; one that is taken has arrived. */
  async probe(payload: unknown): Promise<string> {
    this.#sent += 1;
    const id = `size-${String(this.#sent).padStart(6, '0')}`;
    const draft: MessageDraft = { kind: 'event', type: 'size', id, to: this.#to.name, payload };
    const outcome = this.#from.network.send(this.#from.make(draft));
    if (outcome !== 'queued') return outcome;
    const last = (): NetworkMessage | undefined => this.#to.received.at(-1);
    await this.#stage.until(
      () => last()?.id === id,
      'a large message that was taken arrives',
      () => this.#from.story(),
    );
    const arrived = last();
    demand(same(arrived && payloadOf(arrived), payload), 'a large message arrives byte for byte', 'another one');
    this.#to.received.length = 0;
    return outcome;
  }

  /** The longest text that is taken. */
  async longest(text: string): Promise<number> {
    let refused = text.length;
    let taken = refused - SLACK;
    const { maxMessageBytes } = this.#stage.subject;
    const rule = `a message is taken up to ${maxMessageBytes} bytes, its envelope included, and refused as TOO_LARGE above`;
    const outcomes = [await this.probe(text.slice(0, taken)), await this.probe(text)];
    demandEqual(outcomes, ['queued', 'TOO_LARGE'], rule);
    while (refused - taken > 1) {
      const middle = Math.floor((taken + refused) / 2);
      const outcome = await this.probe(text.slice(0, middle));
      demand(outcome === 'queued' || outcome === 'TOO_LARGE', rule, outcome);
      if (outcome === 'queued') taken = middle;
      else refused = middle;
    }
    return taken;
  }
}

function same(seen: unknown, sent: unknown): boolean {
  if (seen instanceof Uint8Array && sent instanceof Uint8Array) return Buffer.compare(seen, sent) === 0;
  return seen === sent;
}

export const SIZES: readonly Demand[] = [
  {
    name: 'sizes: a message up to the limit arrives byte for byte, and one byte more is refused as TOO_LARGE',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const text = noise(stage.subject.maxMessageBytes);
      const up = new Sizer(stage, b, a);
      const down = new Sizer(stage, a, b);
      const longest = await up.longest(text);
      demandEqual(await up.probe(text.slice(0, longest)), 'queued', 'the largest message is taken again');
      demandEqual(await down.probe(text.slice(0, longest)), 'queued', 'it is taken the other way');
      demandEqual(await down.probe(text.slice(0, longest + 1)), 'TOO_LARGE', 'one byte more is refused the other way');
      demand(a.seen('disconnected').length === 0, 'a message that is refused ends no connection', a.story());
    },
  },
  {
    name: 'sizes: large binary payloads arrive byte for byte',
    about: 'messages',
    async run(stage) {
      const [a, b] = await stage.pair();
      const bytes = noisyBytes(Math.floor(stage.subject.maxMessageBytes / 2));
      const sizer = new Sizer(stage, b, a);
      demandEqual(await sizer.probe(bytes), 'queued', 'half of the limit in bytes is taken');
      demandEqual(await new Sizer(stage, a, b).probe(bytes), 'queued', 'half of the limit in bytes is taken');
    },
  },
  {
    name: 'sizes: a request that is too large is TOO_LARGE, an answer that is HANDLER_FAILED, and the next is answered',
    about: 'requests',
    async run(stage) {
      const [a, b] = await stage.pair();
      const text = noise(stage.subject.maxMessageBytes);
      a.handle(({ type }) => (type === 'large' ? text : 'small'));
      const large = stage.settle(b.request({ type: 'large', to: 'a' }), 'a request whose answer is too large');
      await demandCode(large, ['HANDLER_FAILED'], 'an answer that is too large ends its request');
      const refused = stage.settle(b.request({ type: 'small', to: 'a', payload: text }), 'a request that is too large');
      await demandCode(refused, ['TOO_LARGE'], 'a request that is too large is refused');
      const answer = await stage.settle(b.request({ type: 'small', to: 'a' }), 'a small request');
      demandEqual(answer, 'small', 'the connection stays, and the next request is answered');
    },
  },
];
