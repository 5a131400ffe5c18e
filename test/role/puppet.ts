import type { NetworkError } from '../../src/base/errors.js';
import { silentLog } from '../../src/base/log.js';
import type { Role } from '../../src/base/names.js';
import type { MessageDraft, NetworkMessage } from '../../src/message/message.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { Stamp } from '../../src/message/stamp.js';
import type { Network, Peer } from '../../src/network/network.js';
import type { Stage } from './stage.js';

interface PuppetOptions {
  readonly role?: Role;
  readonly dial?: string;
  readonly maySubmit?: boolean;
}

/** A node that says what the test wants and nothing else: no heartbeats, no answers, ids of its own choice. */
export class Puppet {
  readonly received: NetworkMessage[] = [];
  /** Why it may not come back. */
  refused: NetworkError | undefined;
  readonly #network: Network;
  readonly #stamp: Stamp;

  constructor(stage: Stage, self: string, options: PuppetOptions = {}) {
    const { clock } = stage;
    const random = stage.random.fork(self);
    this.#stamp = new Stamp(self, clock, random);
    const { dial = 'leader', maySubmit } = options;
    this.#network = stage.hub.factory({ dial, maySubmit, listen: false })({
      self,
      role: options.role ?? 'collaborator',
      cluster: undefined,
      version: '0',
      clock,
      random,
      log: silentLog,
      stamp: this.#stamp,
    });
    this.#network.onPeer((event) => {
      if (event.type === 'refused') this.refused = event.error;
    });
    this.#network.onMessage((message) => this.received.push(message));
  }

  /** Connected, or refused, when this resolves; gone at the end of the stage. */
  static async join(stage: Stage, self: string, options?: PuppetOptions): Promise<Puppet> {
    const puppet = new Puppet(stage, self, options);
    stage.adopt(() => puppet.#network.stop());
    await puppet.#network.start();
    await stage.clock.runUntil(() => puppet.connected || puppet.refused !== undefined, { limitMs: 1000 });
    return puppet;
  }

  get connected(): boolean {
    return this.#network.upstream !== undefined;
  }

  /** What the other end says of itself; its instance begins each of its ids. */
  get leader(): Peer {
    const [peer] = this.#network.peers.values();
    if (!peer) throw new Error('not connected');
    return peer;
  }

  /** @returns the id of the message */
  say(draft: MessageDraft & { readonly id?: string }): string {
    const made = this.#stamp.make(draft);
    const message = draft.id === undefined ? made : { ...made, id: draft.id };
    this.#network.send(message);
    return message.id;
  }

  /** What was answered to a message of ours: `CODE text` of an error, the payload of a response. */
  answerTo(id: string): unknown {
    const answer = this.received.find((message) => message.re === id);
    if (answer?.kind !== 'error') return answer && payloadOf(answer);
    const { code, message } = payloadOf(answer) as { code: string; message: string };
    return `${code} ${message}`;
  }

  leave(): Promise<void> {
    return this.#network.stop();
  }
}
