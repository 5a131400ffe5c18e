import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const CLIENT = fileURLToPath(new URL('../../../examples/python/netmgr_client.py', import.meta.url));

const runs = (command: string, ...parameters: string[]): boolean => spawnSync(command, parameters).status === 0;

/** What makes signatures on this machine. */
export const BACKENDS: readonly string[] = [
  ...(runs('python3', '-c', 'import cryptography') ? ['cryptography'] : []),
  ...(runs('openssl', 'pkeyutl', '-help') ? ['openssl'] : []),
];

/** Why the client cannot run here; false if it can. */
export const missing: string | false = !runs('python3', '--version')
  ? 'python3 is not installed'
  : !BACKENDS.includes('openssl') && 'openssl is not installed';

export interface PythonClientOptions {
  readonly address: string;
  readonly name: string;
  /** The directory of its key. */
  readonly state: string;
  readonly token?: string | undefined;
  /** What signs. @default the client's choice */
  readonly keys?: string | undefined;
  readonly trace?: boolean | undefined;
  readonly compress?: boolean | undefined;
}

/** The client in Python as a process of its own. */
export class PythonClient {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<number | null>;
  #stderr = '';

  constructor({ address, name, state, token, keys, trace, compress }: PythonClientOptions) {
    const switches = [...(trace ? ['--trace'] : []), ...(compress ? ['--compress'] : [])];
    const flags = [...(keys === undefined ? [] : ['--keys', keys]), ...switches];
    this.process = spawn('python3', [CLIENT, address, name, '--state', state, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1', NETMGR_TOKEN: token ?? '' },
    });
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#ended = once(this.process, 'close').then(([code]) => code);
    this.#lines = createInterface(this.process.stdout)[Symbol.asyncIterator]();
  }

  /** All that it has said there. */
  get stderr(): string {
    return this.#stderr;
  }

  /** @throws if its next line on stdout is another one, or if it has ended */
  async expectLine(text: string): Promise<void> {
    const { value } = await this.#lines.next();
    if (value !== text) throw new Error(`expected '${text}' but got '${value}'; stderr: ${this.#stderr}`);
  }

  /** @returns its exit code */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  leave(): Promise<number | null> {
    this.process.kill('SIGTERM');
    return this.#ended;
  }
}
