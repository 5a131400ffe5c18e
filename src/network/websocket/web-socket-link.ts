import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { type ErrorCode, NetworkError } from '../../base/errors.js';
import type { Codec, Frame } from '../../message/codec.js';
import type { FrameLink, LinkOwner } from '../framed/frame-link.js';
import type { OpenLinks } from '../framed/open-links.js';
import type { SpareBuffer } from '../framed/spare-buffer.js';
import { closeCodeOf, closedDetail } from './close-codes.js';
import type { WebSocketCounters } from './counters.js';
import { writeFrame } from './frame-writer.js';
import type { WebSocketLimits } from './options.js';
import { PlainFrames, type WsReader } from './plain-frames.js';
import { codecOf, subprotocolOf } from './subprotocols.js';

const NORMAL_CLOSURE = 1000;

/** What the links of a network share. */
export interface LinkBounds {
  readonly limits: WebSocketLimits;
  readonly counters: WebSocketCounters;
  readonly links: OpenLinks;
  readonly spare: SpareBuffer;
}

/** The stream below an open WebSocket, and how frames are written to it. */
export interface LinkStream {
  readonly raw: Socket;
  /** The masking key of each frame, which a client's must have; undefined for the listening side. */
  readonly mask: (() => number) | undefined;
}

/** A WebSocket that hands its events to its owner, so that ten thousand of them need neither listeners nor closures. */
export class WebSocketLink extends WebSocket implements FrameLink {
  owner: LinkOwner | undefined = undefined;
  /** That of the agreed subprotocol, once linked. */
  codec: Codec | undefined = undefined;
  bounds: LinkBounds | undefined = undefined;
  raw: Socket | undefined = undefined;
  mask: (() => number) | undefined = undefined;
  /** Answers to pings that the peer has not read. */
  unreadPongs = 0;

  /** Keeps it among the links of a network until it is closed. */
  track(bounds: LinkBounds): void {
    this.bounds = bounds;
    bounds.links.add(this);
  }

  /** It is open: this is what it runs on. */
  ride({ raw, mask }: LinkStream): void {
    this.raw = raw;
    this.mask = mask;
  }

  /** Who comes in may send less than a frame may have, until the greeting is over. */
  restrict(maxGreetingBytes: number): void {
    if (this.bounds) this.#take(Math.min(maxGreetingBytes, this.bounds.limits.maxFrameBytes));
  }

  greeted(): void {
    if (this.bounds) this.#take(this.bounds.limits.maxFrameBytes);
  }

  link(owner: LinkOwner): void {
    this.owner = owner;
    this.codec = codecOf(this.protocol);
    this.#readPlainFrames();
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'close') this.bounds?.links.delete(this);
    const { owner } = this;
    if (owner === undefined) return super.emit(event, ...args);
    // With the default binaryType ws hands out Buffers.
    if (event === 'message') this.received(args[0] as Buffer, args[1] as boolean);
    else if (event === 'ping') this.#answerPing(owner, args[0] as Buffer);
    else if (event === 'error') owner.broken(codeOf(args[0] as WsError), args[0] as WsError);
    else if (event === 'close') owner.closed(closedDetail(args[0] as number));
    return true;
  }

  received(frame: Buffer, binary: boolean): boolean {
    const { owner, codec } = this;
    if (owner && binary === codec?.binary) return owner.received(frame);
    owner?.unreadable(frame.length, misfit(codec, binary));
    return true;
  }

  get isOpen(): boolean {
    return this.readyState === this.OPEN;
  }

  writeFrame(frame: Frame, bytes: number, tail?: Uint8Array): void {
    writeFrame(this.raw as Socket, { frame, bytes, tail, mask: this.mask?.() });
  }

  onceDrained(listener: () => void): void {
    this.raw?.once('drain', listener);
  }

  leave(code: ErrorCode): void {
    this.close(NORMAL_CLOSURE, code);
  }

  refuse(code: ErrorCode): void {
    this.close(closeCodeOf(code), code);
  }

  #answerPing(owner: LinkOwner, data: Buffer): void {
    const { bounds } = this;
    if (owner.ended || bounds === undefined) return;
    if (this.unreadPongs >= bounds.limits.maxPongs) {
      bounds.counters.pingFloods += 1;
      owner.flooded(`left ${this.unreadPongs} pongs unread`);
      return;
    }
    this.unreadPongs += 1;
    this.pong(data, undefined, () => {
      this.unreadPongs -= 1;
    });
  }

  /** Not public. */
  get #reader(): (WsReader & { _maxPayload: number }) | null | undefined {
    return (this as { readonly _receiver?: (WsReader & { _maxPayload: number }) | null })._receiver;
  }

  /** Where it cannot be told, the bound of what may come before the greeting is over has to do. */
  #take(maxBytes: number): void {
    const ws = this.#reader;
    if (!ws) return;
    if ('_maxPayload' in ws) ws._maxPayload = maxBytes;
    if (ws.plainFrames) ws.plainFrames.maxBytes = maxBytes;
  }

  #readPlainFrames(): void {
    const ws = this.#reader;
    // Where it is not there, ws reads every frame itself.
    if (!ws || !this.bounds) return;
    const { limits, spare } = this.bounds;
    const maxBytes = '_maxPayload' in ws ? ws._maxPayload : limits.maxFrameBytes;
    new PlainFrames({ rules: { masked: this.mask === undefined, maxBytes }, sink: this, spare, ws }).stepBefore();
  }
}

const misfit = (codec: Codec | undefined, binary: boolean): NetworkError =>
  new NetworkError(
    'DESERIALIZATION',
    `${subprotocolOf(codec?.name ?? 'json')} has no ${binary ? 'binary' : 'text'} frames`,
  );

type WsError = Error & { readonly code?: string };

const codeOf = ({ code }: WsError): ErrorCode =>
  code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'TOO_LARGE' : 'DESERIALIZATION';
