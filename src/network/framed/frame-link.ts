import type { ErrorCode, NetworkError } from '../../base/errors.js';
import type { Frame } from '../../message/codec.js';

/** What carries whole frames both ways: a WebSocket, or a TCP socket with a length before each frame. */
export interface FrameLink {
  /** Frames can be written. */
  readonly isOpen: boolean;
  /** Bytes that it was given and the operating system has not taken yet. */
  readonly bufferedAmount: number;
  /** Whose its events are, from now on. */
  link(owner: LinkOwner): void;
  /** The greeting is over: from now on the peer's frames may be as large as any. */
  greeted(): void;
  /**
   * @param bytes those of the frame, which is the caller's to know
   * @param tail bytes that belong to the frame and come behind what is given of it
   */
  writeFrame(frame: Frame, bytes: number, tail?: Uint8Array): void;
  /** Calls back once when what it holds has been taken by the operating system. */
  onceDrained(listener: () => void): void;
  /** Reads nothing more from the peer; frames that have been read already may still come. Idempotent, as `resume` is. */
  pause(): void;
  resume(): void;
  /** Ends it in good order, after what was written; a peer that does not play along is cut off after a while. */
  leave(code: ErrorCode): void;
  /** The same, for a fault of the peer's: `code` is for whoever cannot read the message before it. */
  refuse(code: ErrorCode): void;
  /** Ends it at once. */
  terminate(): void;
}

/** Whom the events of a link are for. */
export interface LinkOwner {
  readonly ended: boolean;
  /** @returns whether nothing of the frame is kept, so that its memory can be used again */
  received(frame: Buffer): boolean;
  /** A whole frame of so many bytes that cannot be one of the codec that was agreed. */
  unreadable(bytes: number, error: NetworkError): void;
  /** What arrives can no longer be told apart into frames: the link ends by itself. */
  broken(code: ErrorCode, cause: Error): void;
  /** @param what that the peer does, for which its link has to end: a clause without a subject */
  flooded(what: string): void;
  /** @param detail what is known beside that it ended, to be put behind that */
  closed(detail: string): void;
}
