import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { SystemClock } from '../../src/base/clock.js';
import { NetworkError } from '../../src/base/errors.js';
import { silentLog } from '../../src/base/log.js';
import { type ScriptHandlers, scriptHandlers } from '../../src/cli/script/script-handlers.js';
import { connectOperator, createCollaborator, createLeader } from '../../src/index.js';
import { type Handler, handle } from '../../src/manager/handler.js';
import type { Leader } from '../../src/role/leader.js';
import type { Operator } from '../../src/role/operator.js';
import { helloPayload, Stranger, until } from '../network/websocket-nodes.js';

interface Stoppable {
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

/** A cluster with real sockets, scripts and files, in which things go wrong; all of it is gone at the end. */
export class Place implements AsyncDisposable {
  readonly directory: string;
  readonly clock: SystemClock = new SystemClock();
  readonly leader: Leader;
  readonly operator: Operator;
  readonly #adopted: Stoppable[] = [];
  readonly #sockets: WebSocket[] = [];

  private constructor(directory: string, leader: Leader, operator: Operator) {
    this.directory = directory;
    this.leader = leader;
    this.operator = operator;
  }

  static async set(): Promise<Place> {
    const clock = new SystemClock();
    const directory = mkdtempSync(join(tmpdir(), 'netmgr-errors-'));
    const socketPath = join(directory, 'leader.sock');
    const leader = await createLeader({ clock, plaintext: true, listen: { port: 0 }, socketPath });
    const operator = await connectOperator({ clock, address: `unix:${socketPath}` });
    const scripts = scriptsOf(clock);
    const handlers = [...scripts.handlers, ...functions()];
    const worker = await createCollaborator({ clock, leader: leader.address, name: 'w1', handlers });
    await until(() => leader.status().counts.alive === 1, 'w1 to be alive');
    const place = new Place(directory, leader, operator);
    place.#adopted.push(worker, scripts);
    return place;
  }

  get port(): number {
    return Number(new URL(this.leader.address).port);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Stops it at the end. */
  adopt<T extends Stoppable>(it: T): T {
    this.#adopted.push(it);
    return it;
  }

  /** A hand-made peer that has said nothing. */
  async open(name: string, leader: Leader = this.leader): Promise<Stranger> {
    const socket = new WebSocket(`${leader.address}/`, ['netmgr.v1.json'], { perMessageDeflate: false });
    socket.on('error', () => {});
    this.#sockets.push(socket);
    await once(socket, 'open');
    return new Stranger(socket, name);
  }

  /** A hand-made peer that was welcomed. */
  async stranger(name: string, leader: Leader = this.leader): Promise<Stranger> {
    const stranger = await this.open(name, leader);
    stranger.say({ kind: 'control', type: 'hello', payload: helloPayload({ instance: `of-${name}` }) });
    await until(() => stranger.messages.some(({ type }) => type === 'welcome'), 'the welcome');
    return stranger;
  }

  /** A hand-made member, alive. */
  async member(name: string, leader: Leader = this.leader): Promise<Stranger> {
    const stranger = await this.stranger(name, leader);
    const payload = { sequence: 1, handlers: ['odd'], tags: {}, slots: 1 };
    stranger.say({ kind: 'control', type: 'register', payload });
    const row = () => leader.status().nodes.find(({ node }) => node === name);
    await until(() => row()?.status === 'alive', `${name} to be alive`);
    return stranger;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    await this.operator.stop();
    for (const it of this.#adopted.reverse()) await it.stop({ graceMs: 50 });
    await this.leader.stop({ graceMs: 50 });
    rmSync(this.directory, { recursive: true });
  }
}

/** Handlers that are real processes. */
function scriptsOf(clock: SystemClock): ScriptHandlers {
  const bindings = Object.entries({
    broken: 'echo "resize: no such file: cat.png" >&2; exit 3',
    later: 'exit 75',
  }).map(([type, script]) => ({
    type,
    argv: ['sh', '-c', script],
    stream: false,
    payload: 'stdin' as const,
    env: [],
  }));
  const options = { node: 'w1', tags: {}, log: silentLog, clock, concurrency: 2, environment: process.env };
  return scriptHandlers(bindings, options);
}

function functions(): readonly Handler[] {
  const silence = (_payload: unknown, { signal }: { readonly signal: AbortSignal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  return [
    handle('silent', {}, silence),
    handle('busy', { concurrency: 1, queue: 0 }, silence),
    handle('resize', { input: z.object({ width: z.number() }) }, ({ width }) => width),
    handle('append', {}, () => {
      throw new NetworkError('NOT_LEADER', 'w1 does not lead: w2 does', { leader: 'w2' });
    }),
  ];
}
