/** The parent's end of a child process of the bench: start it, call its actions, end it. */
import { fork, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('child.js', import.meta.url));

const canPin = availableParallelism() > 1 && !spawnSync('taskset', ['--version']).error;

/** What keeps the two sides of a measure apart, for the report. */
export const pinning = canPin ? 'asking side on CPU 0, answering side on CPU 1' : 'none (no taskset, or one CPU)';

export class Child {
  #process;
  #lastCall = 0;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #calls = new Map();

  /** @param {{ cpu?: 0 | 1 }} options `cpu`: the one that it is pinned to, if it is */
  constructor({ cpu }) {
    const command = [process.execPath, '--expose-gc'];
    const isPinned = canPin && cpu !== undefined;
    const [execPath, ...execArgv] = isPinned ? ['taskset', '-c', String(cpu), ...command] : command;
    this.#process = fork(CHILD, [], { execPath, execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#process.on('message', (/** @type {any} */ { call, value, error }) => {
      const waiting = this.#calls.get(call);
      this.#calls.delete(call);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    });
    this.#process.on('exit', (code, signal) => this.#fail(new Error(`a child ended: ${signal ?? code}`)));
    this.#process.on('error', (error) => this.#fail(error));
  }

  /**
   * Runs one of the actions of child.js.
   * @param {string} action
   * @param {object} [options]
   * @returns {Promise<any>}
   */
  call(action, options = {}) {
    this.#lastCall += 1;
    const call = this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      this.#process.send({ call, action, options });
    });
  }

  /** Ends the child; it is killed if it does not go by itself within two seconds. */
  async end() {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    const impatience = setTimeout(() => child.kill('SIGKILL'), 2000);
    await this.call('stop').catch(() => {});
    if (child.connected) child.disconnect();
    await gone;
    clearTimeout(impatience);
  }

  /** @param {Error} error */
  #fail(error) {
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}
