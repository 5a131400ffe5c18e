import type { Clock } from '../../base/clock.js';
import type { DeadlineWheel } from '../../base/deadline-wheel.js';
import { notify } from '../../base/emitter.js';
import { fromWire, messageOf, NetworkError, toNetworkError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { EVERYONE, type NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import type { Stamp } from '../../message/stamp.js';
import type { Network, Peer, PeerEvent, SendOutcome } from '../network.js';
import { DEFAULT_TIMEOUT_MS, nameOf, type RequestDraft, type Requester, type RequestLimits } from '../requester.js';
import { type Body, type BodyProgress, type ProgressListener, sourceOf } from './body.js';
import type { BodyLimits } from './limits.js';
import { Upload, type UploadHost } from './upload.js';
import { type BodyVerb, CANCEL, CREDIT, readCredit, readTaken, TAKEN } from './wire.js';

/** A message that has a body. */
export interface BodyDraft extends RequestDraft {
  readonly body: Body;
}

export const hasBody = (draft: RequestDraft): draft is BodyDraft => draft.body !== undefined;

export interface UploadsParts {
  readonly network: Network;
  readonly stamp: Stamp;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly requester: Requester;
  readonly log: Log;
  readonly limits: BodyLimits;
}

export interface UploadsCounters {
  /** Bodies that were announced. */
  bodiesSent: number;
  /** Announcements that were repeated, because the connection was lost or the receiver fell silent. */
  bodiesRepeated: number;
  /** Bodies that were refused because too many were on their way out. */
  bodiesUnsent: number;
}

/** The bodies that a node sends, each with its request or event. */
export class Uploads implements UploadHost {
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly #parts: UploadsParts;
  readonly #live = new Set<Upload>();
  /** Peers that are behind with what they were sent. */
  readonly #congested = new Set<NodeId>();
  readonly counters: UploadsCounters = { bodiesSent: 0, bodiesRepeated: 0, bodiesUnsent: 0 };

  constructor(parts: UploadsParts) {
    this.#parts = parts;
    this.clock = parts.clock;
    this.wheel = parts.wheel;
  }

  /** Bodies that are on their way. */
  get size(): number {
    return this.#live.size;
  }

  get resumeMs(): number {
    return this.#parts.limits.resumeMs;
  }

  /**
   * Ends with the answer, whether the body was read to its end or not.
   * @throws NetworkError as `Requester.request`, and IO if the source fails, INVALID_OPTION if it is none
   */
  request(draft: BodyDraft, limits: RequestLimits = {}): Promise<NetworkMessage> {
    return this.#carry('request', draft, limits);
  }

  /**
   * Ends when the receiver's handler has taken all of the body.
   * @throws NetworkError the same; CANCELLED if the handler does not want all of it
   */
  event(draft: BodyDraft, limits: RequestLimits = {}): Promise<void> {
    return this.#carry('event', draft, limits);
  }

  /** @returns whether it is about a body of ours */
  control(message: NetworkMessage, peer: Peer): boolean {
    const upload = this.#parts.requester.attendant(message.re, peer.node);
    if (!(upload instanceof Upload)) return false;
    if (message.type === CREDIT) this.#credit(upload, message);
    else if (message.type === TAKEN) this.#taken(upload, message);
    else if (message.type === CANCEL) upload.refused(fromWire(payloadOf(message), peer.node));
    else return false;
    return true;
  }

  peerEvent(event: PeerEvent): void {
    if (event.type === 'congested') this.#congested.add(event.peer.node);
    if (event.type === 'disconnected' || event.type === 'drained') this.#congested.delete(event.peer.node);
    if (event.type !== 'connected' && event.type !== 'drained') return;
    const { node, instance } = event.peer;
    for (const upload of [...this.#live]) {
      if (upload.peer !== node) continue;
      if (event.type === 'connected') upload.connected(instance);
      else upload.drained();
    }
  }

  send(upload: Upload, verb: BodyVerb | 'cancel', payload?: unknown): SendOutcome {
    const { network, stamp } = this.#parts;
    const { id, component } = upload.message;
    const to = upload.peer ?? upload.message.to;
    return network.send(stamp.make({ kind: 'control', type: verb, to, re: id, priority: 'low', component, payload }));
  }

  repeat(upload: Upload, attempt: number): SendOutcome {
    this.counters.bodiesRepeated += 1;
    const { message } = upload;
    const body = { ...message.body, attempt };
    // Behind everything that was sent of the body, so that the receiver knows by then what it has lost.
    return this.#parts.network.send({ ...message, ts: this.clock.wallNow(), priority: 'low', body });
  }

  takesMore(peer: NodeId | undefined): boolean {
    return peer === undefined || !this.#congested.has(peer);
  }

  mayDial(peer: NodeId | undefined): boolean {
    const { upstream } = this.#parts.network;
    // It would go to the node that we dialled, if there is one.
    return upstream === undefined || upstream === peer;
  }

  instanceOf(peer: NodeId | undefined): string | undefined {
    return peer === undefined ? undefined : this.#parts.network.peers.get(peer)?.instance;
  }

  report(listener: ProgressListener, progress: BodyProgress): void {
    notify(listener, progress, (error) => {
      this.#parts.log.error({ err: messageOf(error) }, 'a listener of progress failed');
    });
  }

  began(upload: Upload): void {
    this.counters.bodiesSent += 1;
    this.#live.add(upload);
  }

  ended(upload: Upload): void {
    this.#live.delete(upload);
  }

  #credit(upload: Upload, message: NetworkMessage): void {
    try {
      upload.credit(readCredit(message));
    } catch (error) {
      upload.failed(toNetworkError(error));
    }
  }

  #taken(upload: Upload, message: NetworkMessage): void {
    try {
      upload.taken(readTaken(message));
    } catch (error) {
      upload.failed(toNetworkError(error));
    }
  }

  async #carry<T>(kind: 'request' | 'event', draft: BodyDraft, limits: RequestLimits): Promise<T> {
    const { stamp, requester } = this.#parts;
    const { timeoutMs = DEFAULT_TIMEOUT_MS, onProgress } = limits;
    const source = sourceOf(draft.body);
    try {
      this.#check(draft);
      const upload = new Upload({ host: this, source, timeoutMs, onProgress, named: draft.id !== undefined });
      const ttl = Math.max(1, Math.ceil(timeoutMs));
      const message = stamp.make({ ...draft, kind, ttl, body: source.announcement });
      return await requester.carry<T>({
        message,
        limits,
        attendant: upload,
        read: (answer) => checked(answer, upload),
      });
    } finally {
      // Whether it was ever opened or not.
      source.close();
    }
  }

  /** @throws NetworkError */
  #check({ to, type }: BodyDraft): void {
    if (to === EVERYONE) throw new NetworkError('INVALID_OPTION', "to: a body goes to one node, not to '*'");
    if (this.#live.size < this.#parts.limits.maxOutgoing) return;
    this.counters.bodiesUnsent += 1;
    const text = `'${type}' would be one body too many: ${this.#live.size} are on their way out, the limit`;
    throw new NetworkError('BACKPRESSURE', text);
  }
}

/** Whoever knows what a body is has said so before it answers; an answer without that says nothing of the body. */
function checked(answer: NetworkMessage, upload: Upload): NetworkMessage {
  if (upload.begun) return answer;
  const text = `${nameOf(upload.peer)} answered '${answer.type}' without taking notice of its body: it knows of none`;
  throw new NetworkError('VERSION_MISMATCH', text, { node: answer.from });
}
