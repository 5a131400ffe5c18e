import type { IncomingMessage, ServerResponse } from 'node:http';
import { NetworkError } from '../../base/errors.js';
import type { Codec } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { SendOutcome } from '../network.js';
import type { Attendance } from './attendance.js';
import { type Card, REPEAT_HEADER } from './card.js';
import type { Directory } from './directory.js';
import type { AnswerWriter, HeldRequests } from './held.js';
import type { Hub } from './hub.js';
import { inflated } from './inflate.js';
import { takesGzip, typeOf } from './media.js';
import { Recent } from './recent.js';
import type { Remote, Via } from './remote.js';
import type { Replies } from './reply.js';

export interface IntakeParts {
  readonly attendance: Attendance;
  readonly hub: Hub;
  readonly directory: Directory;
  readonly held: HeldRequests;
  readonly replies: Replies;
}

/** A POST of messages whose body is there. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly card: Card;
  /** Where it comes from; asked for newcomers. */
  via(): Via;
  readonly codec: Codec;
  readonly body: Buffer;
}

/** Takes POSTs of messages: holds requests until they are answered, hands on everything else. */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #recent = new Recent();

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** @throws NetworkError what the POST is refused with; whatever of it was right has been taken all the same */
  take(arrival: Arrival): void {
    const { hub, directory, attendance } = this.#parts;
    const { request, card, codec, body } = arrival;
    const remote = directory.of(card.node);
    const { messages, invalid } = codec.decode(inflated(hub, remote, arrival), hub.limits);
    remote.entered(card, () => arrival.via());
    attendance.seen(request.socket, remote);
    remote.line?.reads(card);
    remote.card = card;
    const [first] = messages;
    if (first && request.headers[REPEAT_HEADER] !== undefined && this.#recent.has(first.id)) {
      this.#again(arrival, first);
      return;
    }
    if (first) this.#recent.add(first.id);
    remote.traffic.messagesIn += messages.length;
    remote.traffic.bytesIn += body.length;
    if (messages.length === 1 && invalid.length === 0 && first?.kind === 'request') {
      this.#hold(arrival, remote, first);
      return;
    }
    const errors = invalid.map(({ error }) => this.#invalid(remote, error));
    for (const message of messages) {
      const error = this.#deliver(remote, message);
      if (error) errors.push(error);
    }
    if (errors[0]) throw errors[0];
    this.#parts.replies.nothing(arrival.response);
  }

  /** The first POST of this was read, and only its answer was lost. @throws NetworkError CLOSED */
  #again({ response }: Arrival, { kind, id }: NetworkMessage): void {
    this.#parts.hub.counters.repeats += 1;
    if (kind === 'request') throw new NetworkError('CLOSED', `the connection ended while ${id} was answered`);
    this.#parts.replies.nothing(response);
  }

  /** @throws NetworkError INVALID_MESSAGE, OVERLOADED */
  #hold({ request, response, card, codec, body }: Arrival, remote: Remote, message: NetworkMessage): void {
    const { hub, held, replies } = this.#parts;
    const { peer } = remote;
    if (peer === undefined) throw new NetworkError('CLOSED', `${remote.node} was disconnected at once`);
    if (message.from !== remote.node) throw this.#spoofed(remote, message);
    const gzip = hub.options.compression && takesGzip(request.headers['accept-encoding']);
    const writer = new FrameAnswer({ hub, replies, remote, codec, gzip, maxBytes: card.maxFrameBytes });
    held.hold({ message, remote, peer, response, writer, bytes: body.length });
    hub.deliver(message, peer);
  }

  /** @returns why it was not delivered */
  #deliver(remote: Remote, message: NetworkMessage): NetworkError | undefined {
    if (message.from !== remote.node) return this.#spoofed(remote, message);
    const { peer } = remote;
    // It has said goodbye, or a handler has ended it, before the end of the frame.
    if (peer === undefined) return undefined;
    if (message.kind === 'control' && message.type === 'goodbye') remote.left();
    else this.#parts.hub.deliver(message, peer);
    return undefined;
  }

  /** Whether the process is a peer of this node now: asked when its own sockets to it are gone. */
  knows({ node, instance }: Card): boolean {
    return this.#parts.directory.find(node)?.peer?.instance === instance;
  }

  #spoofed(remote: Remote, { from }: NetworkMessage): NetworkError {
    this.#parts.hub.counters.spoofed += 1;
    const rule = `from must be ${remote.node}, whose POST this is, not ${from}`;
    return this.#invalid(remote, new NetworkError('INVALID_MESSAGE', rule));
  }

  #invalid(remote: Remote, error: NetworkError): NetworkError {
    const { hub } = this.#parts;
    hub.counters.invalidMessages += 1;
    remote.traffic.errors += 1;
    hub.meter.failed(error.code);
    return error;
  }
}

interface FrameAnswerParts {
  readonly hub: Hub;
  readonly replies: Replies;
  readonly remote: Remote;
  readonly codec: Codec;
  readonly gzip: boolean;
  /** What the one who asks reads. */
  readonly maxBytes: number;
}

/** The answer to a node: a message, in the codec of the request. */
class FrameAnswer implements AnswerWriter {
  readonly #parts: FrameAnswerParts;

  constructor(parts: FrameAnswerParts) {
    this.#parts = parts;
  }

  write(response: ServerResponse, answer: NetworkMessage): SendOutcome {
    const { hub, replies, remote, codec, gzip, maxBytes } = this.#parts;
    const { data, bytes } = codec.encode(answer);
    if (bytes > maxBytes) {
      hub.counters.tooLarge += 1;
      remote.traffic.errors += 1;
      return 'TOO_LARGE';
    }
    remote.traffic.messagesOut += 1;
    // Between nodes nobody asks for it.
    response.sendDate = false;
    remote.traffic.bytesOut += replies.content(response, { type: typeOf(codec), data, bytes }, gzip);
    return 'queued';
  }
}
