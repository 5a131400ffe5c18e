import type { NetworkError } from '../../base/errors.js';
import type { Codec, EncodedMessage } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { MutualTls } from '../mutual-tls.js';
import type { Peer, SendOutcome } from '../network.js';
import type { BaseUrl } from './base-url.js';
import type { Card } from './card.js';
import { Connector } from './connector.js';
import { type Addressee, Contact } from './contact.js';
import { Deliveries } from './deliveries.js';
import type { Hub } from './hub.js';
import type { LineHost } from './line-host.js';
import { MESSAGES_PATH } from './paths.js';
import { Probe } from './probe.js';
import { Requests } from './requests.js';

export interface LineParts {
  readonly hub: Hub;
  readonly addressee: Addressee;
  readonly url: BaseUrl;
  readonly tls: MutualTls | undefined;
}

/** The way to one node: a POST for each request, and one after another for everything else. */
export class Line implements LineHost {
  readonly url: BaseUrl;
  readonly #hub: Hub;
  readonly #contact: Contact;
  readonly #connector: Connector;
  readonly #requests: Requests;
  readonly #deliveries: Deliveries;
  readonly #probe: Probe;
  #congested = false;
  #closed = false;

  constructor({ hub, addressee, url, tls }: LineParts) {
    const { node } = addressee;
    const ended = (): void => addressee.doubted();
    const client = tls?.client(node, url.host);
    this.url = url;
    this.#hub = hub;
    const { wheel, limits } = hub;
    this.#connector = new Connector({ ...limits, wheel, url, maxBytes: limits.maxFrameBytes, tls: client, ended });
    this.#contact = new Contact(hub, addressee, {
      node,
      url,
      path: `${url.prefix}${MESSAGES_PATH}`,
      connector: this.#connector,
    });
    this.#requests = new Requests(this.#contact, this);
    this.#deliveries = new Deliveries(this.#contact, this);
    this.#probe = new Probe(this.#contact);
  }

  /** What messages are to be written in. */
  get codec(): Codec {
    return this.#contact.writer.codec;
  }

  get queuedMessages(): number {
    return this.#requests.queuedMessages + this.#deliveries.queuedMessages;
  }

  get queuedBytes(): number {
    return this.#requests.queuedBytes + this.#deliveries.queuedBytes;
  }

  /** Nothing waits and nothing is under way. */
  get idle(): boolean {
    return this.#requests.idle && this.#deliveries.idle;
  }

  /** @param encoded in this line's codec */
  send(message: NetworkMessage, encoded: EncodedMessage): SendOutcome {
    if (this.#closed) return 'UNREACHABLE';
    if (encoded.bytes > this.#contact.writer.maxFrameBytes) return this.#refuse('TOO_LARGE');
    if (this.#isCancel(message)) return 'queued';
    if (!this.#takes(encoded.bytes)) return this.#refuse('BACKPRESSURE');
    if (message.kind === 'request') this.#requests.ask(message, encoded);
    else this.#deliveries.push(message.priority ?? 'normal', encoded);
    this.#reportPressure();
    return 'queued';
  }

  /** Finds out whether the node is there, unless something is under way that will tell. */
  doubt(): void {
    if (!this.#closed && this.idle) this.#probe.ask();
  }

  /** Ends all that waits and all that is under way. @param error what requests fail with */
  cut(error: NetworkError): void {
    this.#requests.fail(error, 'all');
    this.#deliveries.drop();
    this.#probe.drop();
    this.#connector.destroy();
    this.#reportPressure();
    this.#hub.progressed();
  }

  /** The same, for good. */
  close(error: NetworkError): void {
    this.#closed = true;
    this.cut(error);
  }

  learn(card: Card): void {
    this.#contact.addressee.became(card, this.url.text);
    this.reads(card);
  }

  /** What the node has said that it reads. */
  reads(card: Card): void {
    // What waits is written already, and has to leave in one codec.
    this.#contact.writer.learn(card, this.#deliveries.queuedMessages > 0);
  }

  arrived(message: NetworkMessage, peer: Peer): void {
    this.#contact.addressee.traffic.messagesIn += 1;
    if (message.from === peer.node) {
      this.#hub.deliver(message, peer);
      return;
    }
    this.#hub.counters.spoofed += 1;
    this.#hub.refused(peer, 'INVALID_MESSAGE');
  }

  broke(error: NetworkError): void {
    this.#contact.broke(error);
    // No connection can be made: what waits for one need not try by itself.
    if (error.code === 'CONNECTION_FAILED') this.#requests.fail(error, 'waiting');
  }

  progressed(): void {
    if (!this.#closed) {
      this.#requests.pump();
      this.#deliveries.pump();
      this.#reportPressure();
      if (this.#requests.active === 0 && !this.#deliveries.active) this.#contact.settle();
    }
    this.#hub.progressed();
  }

  /** A request is given up, and that need not be sent. */
  #isCancel({ kind, type, re }: NetworkMessage): boolean {
    if (kind !== 'control' || type !== 'cancel' || re === undefined) return false;
    const isTold = this.#requests.cancel(re);
    this.progressed();
    return isTold;
  }

  /** Whether there is room for a message of so many bytes; one may wait alone, however large. */
  #takes(bytes: number): boolean {
    const { maxQueuedBytes, maxQueuedMessages } = this.#hub.limits;
    const { queuedMessages } = this;
    if (queuedMessages >= maxQueuedMessages) return false;
    return queuedMessages === 0 || this.queuedBytes + bytes <= maxQueuedBytes;
  }

  #refuse(outcome: 'TOO_LARGE' | 'BACKPRESSURE'): SendOutcome {
    this.#contact.addressee.traffic.errors += 1;
    this.#hub.counters[outcome === 'TOO_LARGE' ? 'tooLarge' : 'backpressure'] += 1;
    return outcome;
  }

  /** Tells once when congestion begins and once when it is over. */
  #reportPressure(): void {
    const { congestedBytes, drainedBytes } = this.#hub.limits;
    const { queuedBytes } = this;
    const { peer } = this.#contact.addressee;
    if (peer === undefined) this.#congested = false;
    if (this.#congested ? queuedBytes >= drainedBytes : queuedBytes <= congestedBytes) return;
    if (peer === undefined) return;
    this.#congested = !this.#congested;
    if (this.#congested) this.#hub.counters.congested += 1;
    this.#hub.emit({ type: this.#congested ? 'congested' : 'drained', peer });
  }
}
