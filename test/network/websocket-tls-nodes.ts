import type { X509Certificate } from 'node:crypto';
import { Emitter } from '../../src/base/emitter.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import type { AuthenticationChannel, Authenticator, Hello, Identity } from '../../src/network/authenticator.js';
import type { Credentials, CredentialsChannel, ListenTls } from '../../src/network/credentials.js';
import type { TcpListenOptions } from '../../src/network/framed/listen-options.js';
import { Authority } from '../../src/security/certificates/authority.js';

const NOW = Date.now();
const CLUSTER = 'default';

/** A new authority, which signs certificates that are valid now. */
export const newAuthority = (): Promise<Authority> => Authority.create({ cluster: CLUSTER, now: NOW });

/** A certificate that a test may replace while it is in use. */
export class ReplaceableTls implements ListenTls {
  readonly #changes = new Emitter<{ change: undefined }>(() => {});
  #current: { readonly key: string; readonly chain: string };
  listeners = 0;

  private constructor(current: { readonly key: string; readonly chain: string }) {
    this.#current = current;
  }

  static async by(authority: Authority): Promise<ReplaceableTls> {
    return new ReplaceableTls(await issued(authority));
  }

  current(): { readonly key: string; readonly chain: string } {
    return this.#current;
  }

  onChange(listener: () => void): Disposable {
    this.listeners += 1;
    const registered = this.#changes.on('change', listener);
    return {
      [Symbol.dispose]: () => {
        this.listeners -= 1;
        registered[Symbol.dispose]();
      },
    };
  }

  async renew(authority: Authority): Promise<void> {
    this.replace(await issued(authority));
  }

  replace(current: { readonly key: string; readonly chain: string }): void {
    this.#current = current;
    this.#changes.emit('change', undefined);
  }
}

export const issued = (
  authority: Authority,
  lifetimeMs?: number,
  now: number = NOW,
): ReturnType<Authority['issueLeaf']> =>
  authority.issueLeaf({ cluster: CLUSTER, leader: 'leader', names: [], now, lifetimeMs });

/** Answers a challenge with what it sees of the channel; trusts one authority. */
export class EchoCredentials implements Credentials {
  readonly checked: X509Certificate[] = [];
  readonly greetings: Readonly<Record<string, unknown>>[] = [];
  trusted: readonly string[];
  dials = 0;

  constructor(authority: Authority) {
    this.trusted = authority.roots;
  }

  async roots(): Promise<readonly string[]> {
    this.dials += 1;
    return this.trusted;
  }

  checkPeer(certificate: X509Certificate): void {
    this.checked.push(certificate);
  }

  answer(challenge: NetworkMessage, { binding, node, role, write }: CredentialsChannel): void {
    write('prove', { ...(payloadOf(challenge) as object), node, role, binding: hex(binding) });
  }

  welcomed(greeting: Readonly<Record<string, unknown>>): void {
    this.greetings.push(greeting);
  }
}

/** Lets in whoever sees the same channel as it does itself. */
export class EchoAuthenticator implements Authenticator {
  readonly name = 'echo';
  readonly answers: Readonly<Record<string, unknown>>[] = [];
  readonly channels: AuthenticationChannel[] = [];

  async authenticate(hello: Hello, channel: AuthenticationChannel): Promise<Identity> {
    const binding = hex(channel.binding);
    this.channels.push(channel);
    channel.write('challenge', { nonce: 'abc' });
    const answer = payloadOf(await channel.read()) as Readonly<Record<string, unknown>>;
    this.answers.push(answer);
    if (answer['binding'] !== binding) throw new Error('another channel');
    return { node: hello.node, role: hello.role, maySubmit: true, welcome: { roots: ['root'] } };
  }
}

export const hex = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? '' : Buffer.from(bytes).toString('hex');

/** A TLS listener on a free port of 127.0.0.1. */
export const tlsListener = (tls: ListenTls, more: Partial<TcpListenOptions> = {}): readonly [TcpListenOptions] => [
  { name: 'tcp', host: '127.0.0.1', port: 0, authenticator: new EchoAuthenticator(), tls, ...more },
];
