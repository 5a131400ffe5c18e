import { connect, type Socket } from 'node:net';
import type { Link } from '../network/memory/link.js';
import { ProxiedStream, reset, type StreamWeather } from './proxied-stream.js';

/** A port, or the path of a UNIX socket. */
export type ProxyTarget = { readonly host: string; readonly port: number } | { readonly path: string };

/** What the connections of a proxy share. */
export interface ProxiedHost {
  readonly links: { readonly up: Link; readonly down: Link };
  readonly weather: StreamWeather;
  readonly counters: { paused: number; targetFailed: number };
  /** Where connections go at the moment. */
  target(): ProxyTarget | undefined;
  gone(connection: ProxiedConnection): void;
}

/** One connection through a proxy: two sockets, and a stream each way. */
export class ProxiedConnection {
  readonly #host: ProxiedHost;
  readonly #client: Socket;
  readonly #up: ProxiedStream;
  #server: Socket | undefined;
  #down: ProxiedStream | undefined;
  #abandoned = false;
  #over = false;

  constructor(host: ProxiedHost, client: Socket) {
    this.#host = host;
    this.#client = client;
    this.#up = this.#stream(host.links.up, client);
    client.on('error', ignore);
    client.on('close', () => this.#closed());
  }

  /** Only when both ways are open: what would dial hears nothing while one is not. */
  dial(): void {
    const { links, weather, counters } = this.#host;
    if (this.#server || this.#over || this.#abandoned) return;
    if (weather.blocked(links.up) || weather.blocked(links.down)) return;
    const target = this.#host.target();
    if (!target) {
      counters.targetFailed += 1;
      this.drop();
      return;
    }
    const server = connect({ ...target, allowHalfOpen: true });
    this.#server = server;
    server.on('error', ignore);
    server.on('connect', () => {
      this.#up.deliverTo(server);
      this.#down = this.#stream(links.down, server);
      this.#down.deliverTo(this.#client);
    });
    server.on('close', () => {
      if (!this.#down && !this.#over) {
        counters.targetFailed += 1;
        this.drop();
      }
      this.#closed();
    });
  }

  /** What waited sets out. */
  resume(): void {
    this.dial();
    this.#up.resume();
    this.#down?.resume();
  }

  halfClose(direction: 'up' | 'down'): void {
    (direction === 'up' ? this.#up : this.#down)?.end();
  }

  /** Nothing passes any more, and nobody is told. */
  abandon(): void {
    this.#abandoned = true;
    this.#up.close();
    this.#down?.close();
  }

  /** Resets both sides. Idempotent. */
  drop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.gone(this);
    this.#up.close();
    this.#down?.close();
    reset(this.#client);
    if (this.#server) reset(this.#server);
  }

  /** Gone when both ends are; one that is left learns of it as soon as the link lets it. */
  #closed(): void {
    if (this.#client.destroyed && (this.#server?.destroyed ?? true)) this.drop();
  }

  #stream(link: Link, source: Socket): ProxiedStream {
    const { weather, counters } = this.#host;
    const onPaused = (): void => {
      counters.paused += 1;
    };
    return new ProxiedStream(link, source, { weather, onPaused });
  }
}

/** A broken socket is closed, which is heard of. */
const ignore = (): void => {};
