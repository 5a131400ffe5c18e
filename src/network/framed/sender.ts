import type { Codec, EncodedMessage, Frame } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { Stamp } from '../../message/stamp.js';
import type { Peer, SendOutcome, Traffic } from '../network.js';
import { Outbound } from '../outbound.js';
import { Acknowledgements } from './acknowledgements.js';
import type { FramedCounters } from './counters.js';
import type { FrameLink } from './frame-link.js';
import type { Reading } from './hello.js';
import type { FramedLimits } from './limits.js';
import type { Settling } from './turn-flush.js';

/** A turn that sent so many times less than the one before it left the others behind. */
const STRAGGLERS = 4;

const LENT = { lent: true };

/** What the senders of a network share. */
export interface SenderHost {
  readonly stamp: Stamp;
  readonly limits: FramedLimits;
  readonly counters: FramedCounters;
  /** Time in which this process was awake, in milliseconds, as of the last sweep: cheap, and a stall of our own is nobody's fault. */
  readonly time: number;
  /** Calls `settle` at the end of this turn of the event loop. */
  settleLater(sender: Settling): void;
  /** Calls `settleLate` once all that has arrived by now has been dealt with. */
  settleAtRoundEnd(sender: Settling): void;
  /** The connection has written something, or is gone: whoever waits for it may look again. */
  progressed(): void;
  pressure(change: 'congested' | 'drained', peer: Peer): void;
}

export interface SenderOptions {
  readonly host: SenderHost;
  readonly link: FrameLink;
  /** Of the greeting. */
  readonly codec: Codec;
  readonly traffic: Traffic;
}

/** What is known once the greeting is over. */
interface SenderOpening {
  readonly peer: Peer;
  readonly reading: Reading;
  readonly codec: Codec;
  readonly traffic: Traffic;
}

/** The sending half of a connection: gathers what a turn sends, pulls it as frames when the socket and the window allow. */
export class Sender implements Settling {
  readonly #host: SenderHost;
  readonly #link: FrameLink;
  readonly #acknowledgements = new Acknowledgements();
  #codec: Codec;
  #traffic: Traffic;
  /** Both from `open` on; there is no queue any more after `end`. */
  #peer: Peer | undefined;
  #outbound: Outbound | undefined;
  /** Frame bytes written before there was an outbound queue. */
  #greetingBytes = 0;
  /** Messages sent in this turn, and in the last one that sent any. */
  #turn = 0;
  #lastTurn = 0;
  /** `settle` will be called at the end of the turn. */
  #settles = false;
  /** A frame has arrived since something was sent: the next frame ends this turn as well, without a call for it. */
  #answering = false;
  #awaitsDrain = false;
  /** `settleLate` will be called. */
  #waits = false;

  constructor(options: SenderOptions) {
    this.#host = options.host;
    this.#link = options.link;
    this.#codec = options.codec;
    this.#traffic = options.traffic;
  }

  /** Everything is handed to the socket. */
  get drained(): boolean {
    return this.#outbound?.empty ?? true;
  }

  get queuedMessages(): number {
    return this.#outbound?.queuedMessages ?? 0;
  }

  get queuedBytes(): number {
    return this.#outbound?.queuedBytes ?? 0;
  }

  /** From now on messages are queued, in what the peer has said that it will read. */
  open({ peer, reading, codec, traffic }: SenderOpening): void {
    this.#peer = peer;
    this.#codec = codec;
    this.#traffic = traffic;
    this.#outbound = new Outbound({
      codec,
      limits: this.#host.limits,
      traffic,
      sentBytes: this.#greetingBytes,
      now: this.#host.time,
      peerWindowBytes: reading.windowBytes,
      peerMaxFrameBytes: reading.maxFrameBytes,
    });
  }

  /** Forgets what is queued; nothing can be queued any more. */
  end(): void {
    this.#outbound = undefined;
  }

  /** Writes past the queue: for the greeting, and for last words. */
  write(message: NetworkMessage): void {
    this.#greetingBytes += this.#writeAlone(this.#codec.encode(message));
  }

  send(message: NetworkMessage): SendOutcome {
    if (this.#outbound === undefined) return 'UNREACHABLE';
    const encoded = this.#codec.encode(message, LENT);
    return this.post(message, message.kind === 'heartbeat' ? uncounted(encoded) : encoded);
  }

  /**
   * Queues a message that is encoded already. The first of a turn leaves at once if the last turn sent no more than
   * one; the others wait for the end of the turn and leave as one frame.
   */
  post(message: NetworkMessage, encoded: EncodedMessage): SendOutcome {
    const outbound = this.#outbound;
    if (outbound === undefined) return 'UNREACHABLE';
    this.#turn += 1;
    const isAlone = this.#turn === 1 && this.#lastTurn <= 1 && this.#sendNow(outbound, message, encoded);
    if (!this.#settles && !(isAlone && this.#answering)) {
      this.#settles = true;
      this.#host.settleLater(this);
    }
    this.#answering = false;
    if (isAlone) {
      if (outbound.overfull) this.#reportPressure();
      return 'queued';
    }
    const outcome = outbound.push(message.priority ?? 'normal', encoded);
    if (outcome === 'queued') {
      if (outbound.frameReady) this.pump();
      // At once: a producer that goes on for the rest of the turn would run into the bound.
      if (outbound.overfull) this.#reportPressure();
      return outcome;
    }
    this.#traffic.errors += 1;
    this.#host.counters[outcome === 'TOO_LARGE' ? 'tooLarge' : 'backpressure'] += 1;
    return outcome;
  }

  /** The end of a turn in which something was sent. */
  settle(): void {
    this.#settles = false;
    const before = this.#lastTurn;
    this.#endTurn();
    if (this.#lastTurn * STRAGGLERS > before) this.pump();
    else this.#waitForRest();
    this.#reportPressure();
  }

  /** The end of the loop's round in which a straggler waited. */
  settleLate(): void {
    this.#waits = false;
    this.pump();
  }

  /** Looks at what is due. @returns the bytes that the peer should have acknowledged long ago, or 0 */
  sweep(pressed: boolean): number {
    const { time, limits } = this.#host;
    if (!this.#settles) this.#turn = 0;
    this.#lastTurn = 0;
    if (this.#acknowledgements.overdue(time, limits.ackDelayMs)) this.#acknowledge();
    const outbound = this.#outbound;
    if (outbound === undefined) return 0;
    const stalledMs = outbound.stalledMs(time);
    // A peer that is well may owe a few bytes for longer: under pressure it counts how long others have waited behind them.
    const heldMs = Math.min(stalledMs, outbound.queuedMs(time));
    const isSlow = stalledMs >= limits.stallMs || (pressed && heldMs >= limits.pressedStallMs);
    return isSlow ? outbound.unacknowledgedBytes || outbound.queuedBytes : 0;
  }

  /** Writes what can be written, past the end-of-turn flush if need be. */
  pump(): void {
    const outbound = this.#outbound;
    if (outbound === undefined) return;
    while (!outbound.empty && outbound.open) {
      if (this.#socketFull()) {
        this.#awaitDrain();
        return;
      }
      const frame = outbound.pull(this.#host.time);
      if (frame === undefined) break;
      this.#write(frame, outbound.takenBytes, outbound.takenTail);
    }
    this.#host.progressed();
  }

  /** A frame has arrived: what is sent next ends a turn of its own. */
  answers(): void {
    this.#answering = true;
    if (!this.#settles && this.#turn > 0) this.#endTurn();
  }

  /** A frame of so many bytes has arrived, of which the peer will have to know. */
  count(bytes: number): void {
    const { limits, time } = this.#host;
    this.answers();
    this.#acknowledgements.count(bytes, time);
    if (this.#outbound && this.#acknowledgements.enough(limits.windowBytes)) this.#acknowledge();
  }

  /** The peer has received so many bytes of ours, in all. */
  acknowledged(totalBytes: number): void {
    this.#outbound?.acknowledge(totalBytes, this.#host.time);
    this.pump();
    this.#reportPressure();
  }

  /** Of a busy connection: more has most likely arrived already, and one frame is half the work of two. */
  #waitForRest(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#host.settleAtRoundEnd(this);
  }

  #endTurn(): void {
    this.#lastTurn = this.#turn;
    this.#turn = 0;
  }

  #sendNow(outbound: Outbound, message: NetworkMessage, encoded: EncodedMessage): boolean {
    if (this.#socketFull()) return false;
    // A heartbeat takes a due acknowledgement along, so that idle peers exchange no frames for these alone.
    const parts = message.kind === 'heartbeat' && this.#acknowledgements.due ? [encoded, this.#encodeAck()] : [encoded];
    const frame = outbound.direct(parts, this.#host.time);
    if (frame === undefined) return false;
    if (parts.length > 1) this.#acknowledgements.written();
    this.#write(frame, outbound.takenBytes, outbound.takenTail);
    return true;
  }

  /** Past the queue and the window, or two peers with full windows would wait for each other. */
  #acknowledge(): void {
    if (this.#outbound === undefined) return;
    if (this.#socketFull()) {
      this.#awaitDrain();
      return;
    }
    this.#writeAlone(this.#encodeAck());
    this.#acknowledgements.written();
  }

  #encodeAck(): EncodedMessage {
    const payload = { bytes: this.#acknowledgements.receivedBytes };
    const ack = this.#host.stamp.make({ kind: 'control', type: 'ack', to: this.#peer?.node, payload });
    return uncounted(this.#codec.encode(ack));
  }

  /** @returns the bytes of the frame */
  #writeAlone(encoded: EncodedMessage): number {
    const { data, bytes } = encoded;
    this.#traffic.messagesOut += 1;
    this.#traffic.bytesOut += bytes;
    this.#write(data, bytes);
    return bytes;
  }

  #write(frame: Frame, bytes: number, tail?: Uint8Array): void {
    if (this.#link.isOpen) this.#link.writeFrame(frame, bytes, tail);
  }

  #socketFull(): boolean {
    return this.#link.bufferedAmount > this.#host.limits.maxSocketBytes;
  }

  #awaitDrain(): void {
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    this.#link.onceDrained(() => {
      this.#awaitsDrain = false;
      // First of all: the peer may be waiting for it with a full window.
      if (this.#acknowledgements.enough(this.#host.limits.windowBytes)) this.#acknowledge();
      this.pump();
      this.#reportPressure();
    });
  }

  #reportPressure(): void {
    const change = this.#outbound?.pressureChange();
    if (change === undefined || this.#peer === undefined) return;
    if (change === 'congested') this.#host.counters.congested += 1;
    this.#host.pressure(change, this.#peer);
  }
}

const uncounted = ({ data, tail, bytes, inflatedBytes }: EncodedMessage): EncodedMessage => ({
  data,
  tail,
  bytes,
  inflatedBytes,
  uncounted: true,
});
