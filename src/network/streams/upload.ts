import type { Clock } from '../../base/clock.js';
import { Deadline, type DeadlineWheel } from '../../base/deadline-wheel.js';
import { isNetworkError, NetworkError, NetworkTimeoutError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { NetworkMessage } from '../../message/message.js';
import type { SendOutcome } from '../network.js';
import { nameOf } from '../requester.js';
import type { Attendant, Loss, Pending } from '../waiting.js';
import type { BodyProgress, BodySource, ProgressListener } from './body.js';
import { Feed, type FeedOwner } from './feed.js';
import { SendWindow } from './send-window.js';
import { type BodyVerb, CANCEL, type Chunk, type Credit, type End } from './wire.js';

/** What the bodies of a node share. */
export interface UploadHost {
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly resumeMs: number;
  send(upload: Upload, verb: BodyVerb | 'cancel', payload?: unknown): SendOutcome;
  /** Sends the announcement again. */
  repeat(upload: Upload, attempt: number): SendOutcome;
  /** Whether the peer takes more at the moment. */
  takesMore(peer: NodeId | undefined): boolean;
  /** Whether a message for a peer that is not connected may make the network connect. */
  mayDial(peer: NodeId | undefined): boolean;
  /** The process that the peer is, while it is connected. */
  instanceOf(peer: NodeId | undefined): string | undefined;
  /** Calls what the user gave; one that fails breaks nobody. */
  report(listener: ProgressListener, progress: BodyProgress): void;
  began(upload: Upload): void;
  ended(upload: Upload): void;
}

export interface UploadParts {
  readonly host: UploadHost;
  readonly source: BodySource;
  /** Without any progress. */
  readonly timeoutMs: number;
  readonly onProgress: ProgressListener | undefined;
  /** The caller gave the message its id, and may come again with it after a timeout. */
  readonly named: boolean;
}

const REFUSED_MS = 100;
const MAX_AWAY_MS = 2_000;
const MAX_PROBE_MS = 10_000;
const REPORT_MS = 100;

/**
 * asking: nothing was heard from the receiver yet. open: under way. away: the connection is lost. done: no more bytes
 * are wanted. ended: so is the message that it goes with.
 */
type State = 'asking' | 'open' | 'away' | 'done' | 'ended';

/** A body on its way out. */
export class Upload extends Deadline implements Attendant, FeedOwner {
  readonly #parts: UploadParts;
  readonly #host: UploadHost;
  readonly #window: SendWindow;
  readonly #feed: Feed;
  #state: State = 'asking';
  /** The receiver has said anything of it. */
  #noticed = false;
  #pending: Pending | undefined;
  /** The network did not take the last message; the next try is at the next look. */
  #refused = false;
  #instance: string | undefined;
  #lost: { readonly at: number; readonly error: NetworkError } | undefined;
  #awayMs = REFUSED_MS;
  /** When the receiver was last seen to get on. */
  #progressAt = 0;
  #reportedAt: number = Number.NEGATIVE_INFINITY;

  constructor(parts: UploadParts) {
    super();
    this.#parts = parts;
    this.#host = parts.host;
    this.#window = new SendWindow(parts.source.announcement.size);
    this.#feed = new Feed(this, parts.source, this.#window);
  }

  /** The request or event that it goes with. */
  get message(): NetworkMessage {
    return (this.#pending as Pending).message;
  }

  get peer(): NodeId | undefined {
    return this.#pending?.peer;
  }

  /** The receiver has taken notice of it. */
  get begun(): boolean {
    return this.#noticed;
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  get ready(): boolean {
    return !this.#refused && this.#host.takesMore(this.peer);
  }

  began(pending: Pending): void {
    this.#pending = pending;
    this.#instance = this.#host.instanceOf(pending.peer);
    this.#progressAt = this.clock.now();
    this.#host.began(this);
    this.#arm();
  }

  /** The receiver says how far it is. */
  credit(credit: Credit): void {
    if (this.#state === 'done' || this.#state === 'ended') return;
    const change = this.#window.credit(credit);
    if (isNetworkError(change)) {
      this.failed(change);
      return;
    }
    this.#noticed = true;
    const { progress, resumeAt } = change;
    // Of the connection that was lost: what it says is no longer so.
    if (this.#state === 'away' && resumeAt === undefined) return;
    if (progress || this.#state === 'away') this.#gotOn();
    this.#state = 'open';
    if (resumeAt !== undefined) this.#feed.goOn(resumeAt);
    if (progress) this.#report(false);
    this.#feed.wake();
  }

  /** The receiver has all of it, and it was right: what this one has sent, or one before it with the same id. */
  taken(size: number): void {
    if (this.#state === 'done' || this.#state === 'ended') return;
    const { end } = this.#feed;
    if (end === undefined && !this.#comesAgain) return;
    this.#noticed = true;
    this.#window.credit({ offset: end?.size ?? size, window: 0 });
    this.#finish();
    this.#report(true);
    if (this.message.kind === 'event') this.#pending?.complete(undefined);
  }

  /** The receiver wants no more of it. The answer to a request is still to come. */
  refused(error: NetworkError): void {
    if (this.#state === 'ended') return;
    this.#noticed = true;
    if (this.message.kind === 'event') this.#pending?.fail(error);
    else this.#finish();
  }

  /** The peer is connected, perhaps again. */
  connected(instance: string): void {
    this.#instance ??= instance;
    if (this.#state !== 'away') return;
    if (instance !== this.#instance) {
      const text = `${this.#peerName()} was restarted before '${this.message.type}' with its body was over`;
      this.#pending?.fail(new NetworkError('CLOSED', text, { cause: this.#lost?.error, node: this.peer }));
      return;
    }
    this.#awayMs = REFUSED_MS;
    this.#repeat();
  }

  /** The peer may take more. */
  drained(): void {
    this.#refused = false;
    this.#feed.wake();
  }

  outlives(error: NetworkError, loss: Loss): boolean {
    const { source, host } = this.#parts;
    if (!source.resumable || host.resumeMs === 0 || this.#state === 'ended') return false;
    if (!error.retryable || loss === 'left' || (loss === 'undelivered' && !this.begun)) return false;
    const now = host.clock.now();
    this.#lost ??= { at: now, error };
    this.#state = 'away';
    this.#feed.pause();
    this.#pending?.prolong(Math.max(0, this.#lost.at + host.resumeMs - now));
    this.#arm();
    return true;
  }

  overdue(): NetworkError {
    const { message, peer } = this;
    const name = this.#peerName();
    if (this.#lost) {
      const text = `${name} was lost with '${message.type}' under way, and not back within ${this.#host.resumeMs} ms`;
      return new NetworkError('CLOSED', text, { cause: this.#lost.error, node: peer });
    }
    if (!this.#comesAgain) this.#host.send(this, 'cancel');
    const ms = Math.round(this.#parts.timeoutMs);
    const what = this.begun && this.#state !== 'done' ? 'no more bytes were taken of' : 'no answer to';
    const text = `${what} '${message.type}' by ${name} for ${ms} ms, after ${this.#window.acknowledged} bytes of its body`;
    return new NetworkTimeoutError(text, { node: message.to });
  }

  ended(): void {
    this.#state = 'ended';
    this.#feed.close();
    this.#host.wheel.remove(this);
    this.#host.ended(this);
  }

  /** Looks whether anything is due. */
  expire(): void {
    if (this.#refused) this.drained();
    if (this.#state === 'away') {
      this.#awayMs = Math.min(MAX_AWAY_MS, this.#awayMs * 2);
      if (this.#host.mayDial(this.peer)) this.#repeat();
    } else if (this.#mayBeLost()) this.#repeat();
    if (this.#state !== 'ended') this.#arm();
  }

  send(verb: BodyVerb, payload: Chunk | End): SendOutcome {
    const outcome = this.#host.send(this, verb, payload);
    // One that is too large will be made smaller; any other refusal may be over in a while.
    if (outcome !== 'queued' && outcome !== 'TOO_LARGE') {
      this.#refused = true;
      this.#arm();
    }
    return outcome;
  }

  caughtUp(): void {
    this.#gotOn();
  }

  /** Ends the message that it goes with, and tells the receiver. */
  failed(error: NetworkError): void {
    this.#host.send(this, CANCEL, new NetworkError('CANCELLED', error.message).toWire());
    this.#pending?.fail(error);
  }

  /** The receiver was not heard of for so long that something may not have arrived. */
  #mayBeLost(): boolean {
    if (!this.#parts.source.resumable || this.#state === 'done') return false;
    return this.clock.now() - this.#progressAt >= this.#probeMs();
  }

  /** Another one with its id may go on where this one was, as this one may do itself. */
  get #comesAgain(): boolean {
    return this.#parts.named && this.#parts.source.resumable;
  }

  #probeMs(): number {
    return Math.min(MAX_PROBE_MS, this.#parts.timeoutMs / 3);
  }

  #arm(): void {
    if (this.#state === 'away') this.#host.wheel.add(this, this.#awayMs);
    else if (this.#refused) this.#host.wheel.add(this, REFUSED_MS);
    else if (this.#parts.source.resumable && this.#state !== 'done') this.#host.wheel.add(this, this.#probeMs());
  }

  #repeat(): void {
    this.#host.repeat(this, this.#window.repeat());
  }

  #gotOn(): void {
    this.#lost = undefined;
    this.#awayMs = REFUSED_MS;
    this.#progressAt = this.clock.now();
    this.#pending?.prolong(this.#parts.timeoutMs);
  }

  /** From here on only the answer is waited for. */
  #finish(): void {
    this.#gotOn();
    this.#state = 'done';
    this.#feed.close();
  }

  #report(isLast: boolean): void {
    const { onProgress, source } = this.#parts;
    const now = this.clock.now();
    if (!onProgress || (!isLast && now - this.#reportedAt < REPORT_MS)) return;
    this.#reportedAt = now;
    const { sent, acknowledged } = this.#window;
    const size = source.announcement.size ?? this.#feed.end?.size;
    this.#host.report(onProgress, { sentBytes: sent, acknowledgedBytes: acknowledged, size });
  }

  #peerName(): string {
    return nameOf(this.peer ?? this.message.to);
  }
}
