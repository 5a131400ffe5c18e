import { fromWire, NetworkError, NetworkTimeoutError, toNetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import type { NetworkManager } from '../manager/manager.js';
import type { NetworkMessage } from '../message/message.js';
import { payloadOf } from '../message/raw-payload.js';
import type { Peer, SendOutcome } from '../network/network.js';
import { DEFAULT_TIMEOUT_MS } from '../network/requester.js';
import { CANCEL, CHUNK, CREDIT, readChunk, readCredit } from '../network/streams/wire.js';
import type { Attendant, Loss, Pending } from '../network/waiting.js';

/** What keeping a message costs beside its bytes. */
const HELD_BYTES = 64;
/** A sender that goes on elsewhere may have sent a window of bytes already that it sends again; */
const MAX_HELD_WINDOWS = 2;
/** and a narrow window may come in many small chunks. */
const MORE_HELD_BYTES = 256 * 1024;

/**
 * A body on its way through the leader. What its asker and its target say of it is handed on, each under the id that the
 * other one knows. Nothing is kept but what the target has let be sent and its connection does not take yet.
 */
export class Passage implements Attendant {
  readonly #manager: NetworkManager;
  /** As the asker sent it. */
  readonly #message: NetworkMessage;
  readonly #asker: NodeId;
  #pending: Pending | undefined;
  /** The process that the target is. */
  #instance: string | undefined;
  /** The target lets be sent what is before this. */
  #limit = 0;
  #begun = false;
  /** Waits until the target's connection takes more. */
  #held: NetworkMessage[] = [];
  #heldBytes = 0;
  /** The widest that the target had. */
  #window = 0;
  #lostAsker = false;
  #lostTarget: NetworkError | undefined;

  constructor(manager: NetworkManager, message: NetworkMessage, asker: NodeId) {
    this.#manager = manager;
    this.#message = message;
    this.#asker = asker;
  }

  /** The target has let the asker begin: nobody else can take it any more. */
  get begun(): boolean {
    return this.#begun;
  }

  get target(): NodeId | undefined {
    return this.#pending?.peer;
  }

  get resumable(): boolean {
    return this.#message.body?.resumable === true && this.#manager.bodies.limits.resumeMs > 0;
  }

  /** The relayed request is queued. */
  began(pending: Pending): void {
    this.#pending = pending;
    this.#instance = this.#manager.network.peers.get(pending.peer ?? '')?.instance;
  }

  outlives(error: NetworkError, loss: Loss): boolean {
    if (!this.resumable || !this.#begun || loss !== 'lost' || !error.retryable) return false;
    this.#drop();
    this.#lostTarget = error;
    this.#pending?.prolong(this.#manager.bodies.limits.resumeMs);
    return true;
  }

  overdue(): NetworkError {
    const { type } = this.#message;
    const { resumeMs } = this.#manager.bodies.limits;
    if (this.#lostTarget) {
      const text = `${this.target} was lost with '${type}' under way, and not back within ${resumeMs} ms`;
      return new NetworkError('CLOSED', text, { cause: this.#lostTarget, node: this.target });
    }
    this.#toTarget('cancel');
    if (this.#lostAsker) {
      return new NetworkError('CLOSED', `${this.#asker} did not come back to '${type}' within ${resumeMs} ms`);
    }
    const text = `no answer to '${type}' from ${this.target}, and nothing of its body, for ${this.#ttl} ms`;
    return new NetworkTimeoutError(text, { node: this.target });
  }

  ended(): void {
    this.#drop();
  }

  /** What the asker says of its body. */
  fromAsker(message: NetworkMessage): void {
    if (message.type === CANCEL) {
      this.#toTarget(CANCEL, payloadOf(message));
      this.#pending?.fail(fromWire(payloadOf(message), this.#asker));
      return;
    }
    const wrong = message.type === CHUNK ? this.#beyond(message) : undefined;
    this.#heldBytes += costOf(message);
    const refusal = wrong ?? this.#tooMuch();
    if (refusal) {
      this.#fail(refusal);
      return;
    }
    this.#lostAsker = false;
    this.#gotOn();
    this.#held.push(message);
    this.drained();
  }

  /** What the target says of it. */
  fromTarget(message: NetworkMessage): void {
    if (message.type === CREDIT) {
      try {
        const { offset, window, resend } = readCredit(message);
        this.#limit = Math.max(this.#limit, offset + window);
        this.#window = Math.max(this.#window, window);
        // From there on the asker sends everything again.
        if (resend !== undefined) this.#drop();
        this.#begun = true;
      } catch (error) {
        this.#fail(toNetworkError(error));
        return;
      }
    }
    this.#gotOn();
    this.#toAsker(message.type, payloadOf(message));
  }

  /** The asker has sent its request once more, or tries anew with its id: the target says how far it is. */
  repeat({ ttl, body }: NetworkMessage): void {
    const pending = this.#pending;
    this.#lostAsker = false;
    this.#gotOn();
    if (!pending || this.#lostTarget) return;
    const ts = this.#manager.clock.wallNow();
    this.#manager.network.send({ ...pending.message, ts, ttl, body, priority: 'low' });
  }

  /** The asker may come back. */
  askerLost(): void {
    this.#lostAsker = true;
    this.#pending?.prolong(this.#manager.bodies.limits.resumeMs);
  }

  /** The target is connected again. */
  targetConnected({ instance }: Peer): void {
    const lost = this.#lostTarget;
    if (lost === undefined) return;
    this.#lostTarget = undefined;
    if (instance === this.#instance) {
      this.#gotOn();
      return;
    }
    const text = `${this.target} was restarted before '${this.#message.type}' with its body was over`;
    this.#pending?.fail(new NetworkError('CLOSED', text, { cause: lost, node: this.target }));
  }

  /** The target's connection may take more. */
  drained(): void {
    while (this.#held.length > 0 && this.#manager.bodies.outgoing.takesMore(this.target)) {
      const [next] = this.#held as [NetworkMessage];
      const outcome = this.#toTarget(next.type, payloadOf(next));
      if (outcome === 'BACKPRESSURE') return;
      this.#held.shift();
      this.#heldBytes -= costOf(next);
      if (outcome === 'TOO_LARGE') {
        const text = `${this.target} takes no frames as large as the chunks of ${this.#asker} for '${this.#message.type}'`;
        this.#fail(new NetworkError('TOO_LARGE', text));
      }
    }
  }

  get #ttl(): number {
    return this.#message.ttl ?? DEFAULT_TIMEOUT_MS;
  }

  #beyond(message: NetworkMessage): NetworkError | undefined {
    try {
      const { offset, data } = readChunk(message);
      if (offset + data.length <= this.#limit) return undefined;
      return new NetworkError('INVALID_MESSAGE', `body-chunk.offset: ${offset} is beyond the window of ${this.target}`);
    } catch (error) {
      return toNetworkError(error);
    }
  }

  /** Of an asker that says again and again what is kept already. */
  #tooMuch(): NetworkError | undefined {
    const most = MAX_HELD_WINDOWS * this.#window + MORE_HELD_BYTES;
    if (this.#heldBytes <= most) return undefined;
    const text = `${this.#asker} has sent more of the body than ${this.target} has let it, and ${this.target} is slow`;
    return new NetworkError('INVALID_MESSAGE', text);
  }

  #drop(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  #gotOn(): void {
    if (!this.#lostAsker && !this.#lostTarget) this.#pending?.prolong(this.#ttl);
  }

  /** Ends the request, and the body at both ends. */
  #fail(error: NetworkError): void {
    const payload = error.toWire();
    this.#toTarget(CANCEL, payload);
    this.#toAsker(CANCEL, payload);
    this.#pending?.fail(error);
  }

  #toAsker(type: string, payload: unknown): void {
    const { id, component } = this.#message;
    const to = this.#asker;
    this.#manager.sendMessage({ kind: 'control', type, to, re: id, priority: 'critical', component, payload });
  }

  #toTarget(type: string, payload?: unknown): SendOutcome {
    const { component } = this.#message;
    const re = this.#pending?.message.id;
    const draft = { kind: 'control', type, to: this.target, re, priority: 'low', component, payload } as const;
    return this.#manager.sendMessage(draft);
  }
}

/** What keeping a message of an asker costs; its fields are known to be right. */
function costOf({ payload }: NetworkMessage): number {
  const { data } = (payload ?? {}) as { readonly data?: unknown };
  return HELD_BYTES + (data instanceof Uint8Array ? data.length : 0);
}
