import type { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { Link } from './link.js';
import { Pipe, type Segment, type Weather } from './pipe.js';

/** One side's hold on a connection. */
export interface End {
  receive(segment: Segment): void;
  /** Something that this side sent has arrived. */
  relieved(): void;
  /** The connection is over on both sides: nothing comes any more. */
  closed(): void;
}

export type SideName = 'dialer' | 'listener';

/** Two pipes and who holds their ends. A side that let go hears nothing more. */
export class Connection {
  readonly dialer: NodeId;
  readonly listener: NodeId;
  readonly #ends: Record<SideName, End | undefined> = { dialer: undefined, listener: undefined };
  readonly #out: Record<SideName, Pipe>;
  readonly #onClose: (connection: Connection) => void;
  #closed = false;

  constructor(
    weather: Weather,
    links: Readonly<Record<SideName, Link>>,
    callbacks: {
      readonly onHello: (connection: Connection, hello: Segment) => void;
      readonly onClose: (connection: Connection) => void;
    },
  ) {
    this.dialer = links.dialer.from;
    this.listener = links.listener.from;
    this.#onClose = callbacks.onClose;
    this.#out = {
      dialer: new Pipe(weather, links.dialer, (segment) => {
        if (segment.kind === 'hello') callbacks.onHello(this, segment);
        else this.#arrived('listener', segment);
      }),
      listener: new Pipe(weather, links.listener, (segment) => this.#arrived('dialer', segment)),
    };
  }

  /** Gives a side to whoever answers for it from now on. */
  hold(side: SideName, end: End): void {
    this.#ends[side] = end;
  }

  /** What leaves from this side. */
  out(side: SideName): Pipe {
    return this.#out[side];
  }

  /** The side goes without a word: what is under way dies, the other side learns of it as soon as the link lets it. */
  abandon(side: SideName): void {
    if (this.#closed) return;
    this.#ends[side] = undefined;
    if (!this.#ends[otherSide(side)]) {
      this.#close();
      return;
    }
    this.#out.dialer.clear();
    this.#out.listener.clear();
    this.#out[side].push({ kind: 'reset' });
  }

  /** The side has said all that it wants to, ends with the reason, and hears nothing more. */
  dismiss(side: SideName, error: NetworkError): void {
    if (this.#closed) return;
    this.#ends[side] = undefined;
    this.#out[otherSide(side)].clear();
    this.#out[side].push({ kind: 'refusal', error: error.toWire() });
  }

  resume(): void {
    this.#out.dialer.resume();
    this.#out.listener.resume();
  }

  touches(node: NodeId): boolean {
    return this.dialer === node || this.listener === node;
  }

  #arrived(side: SideName, segment: Segment): void {
    const end = this.#ends[side];
    const last = segment.kind === 'reset' || segment.kind === 'goodbye' || segment.kind === 'refusal';
    const sender = this.#ends[otherSide(side)];
    if (last) this.#close();
    if (last) sender?.closed();
    else sender?.relieved();
    end?.receive(segment);
  }

  #close(): void {
    this.#closed = true;
    this.#out.dialer.close();
    this.#out.listener.close();
    this.#onClose(this);
  }
}

const otherSide = (side: SideName): SideName => (side === 'dialer' ? 'listener' : 'dialer');
