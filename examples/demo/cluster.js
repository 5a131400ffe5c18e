// The processes of the demo: real ones, each its own, with their settings and state in a folder of the demo's.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const NETMGR = path.resolve(import.meta.dirname, '../../bin/netmgr.js');
const READY_MS = 20_000;
/** A process that was asked to stop has this long before it is killed. */
const STOP_MS = 15_000;

export class Cluster {
  #root;
  #folder = mkdtempSync(path.join(tmpdir(), 'netmgr-demo-'));
  #nodes = new Map();
  #tools = new Set();
  #disposed = false;

  /** @param root the directory that every process works in */
  constructor(root) {
    this.#root = root;
  }

  file(name) {
    return path.join(this.#folder, name);
  }

  /** Starts a long-running `netmgr`. Its own process group: Ctrl-C reaches the demo, which stops it in order. */
  start(name, words) {
    const child = this.#spawn(words, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    child.stderr.pipe(createWriteStream(this.file(`${name}.log`)));
    this.#nodes.set(name, { child, ended: once(child, 'exit') });
  }

  /** What the leader wrote to its ready file. */
  async ready(name, file) {
    const deadline = Date.now() + READY_MS;
    while (Date.now() < deadline && this.#nodes.get(name).child.exitCode === null) {
      try {
        return JSON.parse(readFileSync(file, 'utf8'));
      } catch {
        await sleep(20);
      }
    }
    throw new Error(`${name} did not start:\n${this.log(name)}`);
  }

  log(name) {
    return readFileSync(this.file(`${name}.log`), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(-20)
      .join('\n');
  }

  /** Starts a `netmgr` that ends by itself. */
  tool(words, stdio) {
    const child = this.#spawn(words, { stdio });
    this.#tools.add(child);
    child.once('exit', () => this.#tools.delete(child));
    return child;
  }

  /** Runs a `netmgr` to its end, on this terminal. */
  async run(words) {
    const [code] = await once(this.tool(words, ['ignore', 'inherit', 'inherit']), 'exit');
    if (code !== 0) throw new Error(`netmgr ${words.join(' ')} ended with exit code ${code}`);
  }

  /** @returns the process id of what was killed */
  async kill(name) {
    const { child, ended } = this.#nodes.get(name);
    child.kill('SIGKILL');
    await ended;
    this.#nodes.delete(name);
    return child.pid;
  }

  /** SIGTERM to all, collaborators first. @returns what each ended with: an exit code, or a signal */
  async stop() {
    const names = [...this.#nodes.keys()].reverse();
    const results = [];
    for (const name of names) results.push([name, await this.#end(this.#nodes.get(name))]);
    this.#nodes.clear();
    return results;
  }

  /** Leaves nothing behind, whatever happened. */
  async dispose() {
    this.#disposed = true;
    for (const tool of this.#tools) tool.kill('SIGTERM');
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #end({ child, ended }) {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    const [code, signal] = await ended;
    clearTimeout(force);
    return code ?? signal;
  }

  #spawn(words, options) {
    if (this.#disposed) throw new Error('the demo is over');
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('NETMGR_'));
    const env = {
      ...Object.fromEntries(own),
      NETMGR_STATE_DIR: this.file('state'),
      NETMGR_CONFIG_DIR: this.file('config'),
    };
    return spawn(process.execPath, [NETMGR, ...words], { cwd: this.#root, env, ...options });
  }
}
