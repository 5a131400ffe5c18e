/**
 * Thousands of simulated members in one process, on plain WebSockets. For netmgr they speak the protocol of
 * docs/protocol.md without using the library: they join, register, and send real heartbeats at the interval that the
 * leader assigns.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';

/** Joins under way at a time. */
const JOINING = 64;
/** Loopback addresses that the members are spread over: the leader limits connections per address. */
const ADDRESSES = 100;

/**
 * @param {{ protocol: string, address: string, connections: number }} options
 * @returns {Promise<import('./peers/peer.js').Side & { counts: () => Record<string, number> }>}
 */
export async function crowd({ protocol, address, connections }) {
  const Kind = protocol === 'netmgr' ? Member : Silent;
  /** @type {Silent[]} */
  const members = [];
  let next = 0;
  const joinSome = async () => {
    while (next < connections) {
      const member = new Kind(next++, address);
      members.push(member);
      await member.join();
    }
  };
  await Promise.all(Array.from({ length: JOINING }, joinSome));
  return {
    counts: () => ({
      disconnected: members.filter((member) => member.closed).length,
      heartbeatMs: members[0].heartbeatMs,
      unanswered: members.reduce((sum, member) => sum + member.unanswered, 0),
    }),
    stop: async () => {
      for (const member of members) member.end();
    },
  };
}

/** Connects and says nothing. */
class Silent {
  /** @type {readonly string[]} */
  subprotocols = [];
  closed = false;
  heartbeatMs = 0;
  unanswered = 0;

  /** @param {number} index @param {string} address */
  constructor(index, address) {
    this.index = index;
    this.address = address;
  }

  async join() {
    const localAddress = `127.0.${1 + (this.index % ADDRESSES)}.1`;
    this.socket = new WebSocket(this.address, [...this.subprotocols], { perMessageDeflate: false, localAddress });
    this.socket.on('close', () => {
      this.closed = true;
    });
    await once(this.socket, 'open');
  }

  end() {
    this.socket?.terminate();
  }
}

/** Joins a netmgr leader and heartbeats. */
class Member extends Silent {
  subprotocols = ['netmgr.v1.json'];
  node = `m${this.index}`;
  #counter = 0;
  #instance = Math.random().toString(36).slice(2, 14);
  #received = 0;
  #acknowledged = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** Id of the last heartbeat, and when it left. */
  #beat = '';
  #beatAt = 0;
  #rttMs = 0;

  async join() {
    await super.join();
    const socket = /** @type {WebSocket} */ (this.socket);
    const welcomed = new Promise((resolve, reject) => {
      socket.on('message', (data) => this.#read(/** @type {Buffer} */ (data), resolve, reject));
      socket.on('close', () => reject(new Error(`${this.node} was not welcomed`)));
    });
    this.#send(
      this.#message('control', 'hello', {
        role: 'collaborator',
        instance: this.#instance,
        version: '0.1.0',
        greeting: { pid: process.pid },
      }),
    );
    await welcomed;
    this.#send(this.#message('control', 'register', { sequence: 1, handlers: ['echo'], tags: {}, slots: 1 }));
    this.#plan();
  }

  end() {
    clearTimeout(this.#timer);
    super.end();
  }

  /**
   * @param {Buffer} data
   * @param {(value: unknown) => void} welcomed
   * @param {(error: Error) => void} refused
   */
  #read(data, welcomed, refused) {
    const frame = JSON.parse(data.toString());
    const messages = Array.isArray(frame) ? frame : [frame];
    if (!messages.every(({ kind, type }) => kind === 'heartbeat' || type === 'ack')) this.#received += data.length;
    for (const message of messages) {
      if (message.kind === 'heartbeat' && message.re === this.#beat) {
        this.#beat = '';
        this.#rttMs = performance.now() - this.#beatAt;
        this.heartbeatMs = message.payload.heartbeatMs;
      } else if (message.type === 'welcome') {
        this.heartbeatMs = message.payload.greeting.heartbeatMs;
        welcomed(undefined);
      } else if (message.kind === 'error') {
        refused(new Error(`${this.node}: ${JSON.stringify(message.payload)}`));
      }
    }
  }

  #plan() {
    // ± 10 %, so that members that joined together do not beat together.
    this.#timer = setTimeout(() => this.#heartbeat(), this.heartbeatMs * (0.9 + Math.random() * 0.2));
  }

  #heartbeat() {
    if (this.closed) return;
    if (this.#beat) this.unanswered += 1;
    const beat = this.#message('heartbeat', 'heartbeat', {
      busy: 0,
      loopLagMs: 0,
      rttMs: this.#rttMs,
      registration: 1,
    });
    this.#beat = beat.id;
    this.#beatAt = performance.now();
    const batch = [beat];
    if (this.#received > this.#acknowledged) {
      this.#acknowledged = this.#received;
      batch.push(this.#message('control', 'ack', { bytes: this.#received }));
    }
    this.#send(batch.length === 1 ? batch[0] : batch);
    this.#plan();
  }

  /** @param {string} kind @param {string} type @param {object} payload */
  #message(kind, type, payload) {
    this.#counter += 1;
    const id = `${this.#instance}-${this.#counter}`;
    return { v: 1, id, kind, type, from: this.node, ts: Date.now(), payload };
  }

  /** @param {object} frame */
  #send(frame) {
    this.socket?.send(JSON.stringify(frame));
  }
}
