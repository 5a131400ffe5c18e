import type { IncomingMessage, ServerResponse } from 'node:http';
import { isPromise } from '../../base/deferred.js';
import { messageOf, NetworkError, toNetworkError } from '../../base/errors.js';
import { Bodies, discardBody } from './body.js';
import { CALL_TYPES, type Calls } from './calls.js';
import {
  browserRefusal,
  contentRefusal,
  hostRefusal,
  identityRefusal,
  lengthRefusal,
  methodRefusal,
  pathRefusal,
  type Refusal,
  tooLarge,
  tooMuch,
} from './checks.js';
import { callerOf, claimedCard } from './claims.js';
import type { Hub } from './hub.js';
import { addressOf, Identities, type Names } from './identity.js';
import type { Intake } from './intake.js';
import { codecOf, JSON_TYPE, MSGPACK_TYPE } from './media.js';
import type { ResolvedListen } from './options.js';
import { CALL_PATH, MESSAGES_PATH } from './paths.js';
import type { Via } from './remote.js';
import type { Replies } from './reply.js';
import { GONE } from './status.js';

export interface EntranceParts {
  readonly hub: Hub;
  readonly listen: ResolvedListen;
  readonly replies: Replies;
  readonly intake: Intake;
  readonly calls: Calls;
  /** Whether new exchanges are taken. */
  running(): boolean;
}

/** A request that has come in. */
interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Its client waits for `100 Continue` before it sends the body. */
  readonly expects: boolean;
}

/** Takes the body of a visit once it is there. @throws NetworkError */
type Reader = (body: Buffer) => void;

/** Name of the one listener. */
export const LISTENER = 'http';
/** Requests of one socket that wait for their authentication. */
const MAX_AUTHENTICATING = 16;
const MESSAGE_TYPES = [JSON_TYPE, MSGPACK_TYPE];

/** Where requests come in: what is refused costs nothing, what is not is read and handed on. */
export class Entrance {
  readonly #parts: EntranceParts;
  readonly #identities: Identities;
  readonly #bodies: Bodies;
  /** Of sockets whose requests are being authenticated, how many. */
  readonly #authenticating = new WeakMap<object, number>();
  readonly #messagesPath: string;
  readonly #callPath: string;
  /** Everybody is believed, and nobody else may reach this node. */
  readonly #trusting: boolean;
  /** The last host that was right. */
  #knownHost: string | undefined = '';

  constructor(parts: EntranceParts) {
    const { hub, listen } = parts;
    const { tls, plaintext } = hub.options;
    const { maxFrameBytes, maxReadingBytes } = hub.limits;
    this.#parts = parts;
    this.#bodies = new Bodies(maxFrameBytes, maxReadingBytes);
    this.#identities = new Identities(listen.authenticate);
    this.#messagesPath = `${listen.prefix}${MESSAGES_PATH}`;
    this.#callPath = `${listen.prefix}${CALL_PATH}`;
    this.#trusting = tls === undefined && !plaintext && listen.authenticate === undefined;
  }

  enter(request: IncomingMessage, response: ServerResponse, expects = false): void {
    const visit = { request, response, expects };
    const { headers, url = '' } = request;
    const refusal = browserRefusal(headers) ?? this.#hostRefusal(headers.host);
    if (refusal) this.#refuse(visit, refusal);
    else if (!this.#parts.running()) this.#turnAway(visit);
    else if (url === this.#messagesPath) this.#atMessages(visit);
    else if (url.startsWith(this.#callPath)) this.#identify(visit, CALL_TYPES, (names) => this.#call(visit, names));
    else this.#refuse(visit, pathRefusal([this.#messagesPath, `${this.#callPath}TYPE`]));
  }

  #hostRefusal(host: string | undefined): Refusal | undefined {
    if (!this.#trusting || host === this.#knownHost) return undefined;
    const refusal = hostRefusal(host);
    if (refusal === undefined) this.#knownHost = host;
    return refusal;
  }

  #atMessages(visit: Visit): void {
    if (visit.request.method === 'HEAD') this.#identify(visit, undefined, (names) => this.#probe(visit, names));
    else this.#identify(visit, MESSAGE_TYPES, (names) => this.#messages(visit, names));
  }

  /** @param types of a body; undefined: there is none */
  #identify(visit: Visit, types: readonly string[] | undefined, then: (names: Names) => void): void {
    const { request } = visit;
    const refusal = types && (methodRefusal(request) ?? contentRefusal(request, types) ?? this.#length(request));
    if (refusal) {
      this.#refuse(visit, refusal);
      return;
    }
    const failed = (error: unknown): void => {
      this.#parts.hub.log.warn({ reason: messageOf(error) }, 'the authentication of a request failed');
      this.#refuse(visit, identityRefusal('who has made this request could not be found out'));
    };
    try {
      const names = this.#identities.of(request);
      if (isPromise(names)) this.#await(visit, names, then).catch(failed);
      else then(names);
    } catch (error) {
      failed(error);
    }
  }

  async #await({ request }: Visit, names: Promise<Names>, then: (names: Names) => void): Promise<void> {
    const { socket } = request;
    const count = (this.#authenticating.get(socket) ?? 0) + 1;
    this.#authenticating.set(socket, count);
    // Of one that pipelines them without an end.
    if (count > MAX_AUTHENTICATING) socket.destroy();
    try {
      then(await names);
    } finally {
      this.#authenticating.set(socket, (this.#authenticating.get(socket) ?? 1) - 1);
    }
  }

  /** A node asks whether this one is there, and has it as a peer. */
  #probe(visit: Visit, names: Names): void {
    const { intake, replies } = this.#parts;
    const card = claimedCard(visit.request.headers, names, this.#parts.hub);
    if ('error' in card) this.#refuse(visit, card);
    else if (intake.knows(card)) replies.nothing(visit.response);
    else
      this.#refuse(visit, {
        counter: 'strangers',
        status: GONE,
        error: new NetworkError('CLOSED', 'no peer of this node'),
      });
  }

  #messages(visit: Visit, names: Names): void {
    const { request, response } = visit;
    const { intake } = this.#parts;
    const card = claimedCard(request.headers, names, this.#parts.hub);
    if ('error' in card) {
      this.#refuse(visit, card);
      return;
    }
    const codec = codecOf(request.headers['content-type']);
    if (codec === undefined) return;
    this.#read(visit, (body) => {
      intake.take({ request, response, card, codec, body, via: () => viaOf(request) });
    });
  }

  #call(visit: Visit, names: Names): void {
    const { request, response } = visit;
    const caller = callerOf(request.headers, names, this.#parts.hub.wiring.self);
    if (typeof caller !== 'string') {
      this.#refuse(visit, caller);
      return;
    }
    const type = (request.url ?? '').slice(this.#callPath.length);
    this.#read(visit, (body) => {
      this.#parts.calls.take({ request, response, caller, type, body, via: () => viaOf(request) });
    });
  }

  #length(request: IncomingMessage): Refusal | undefined {
    return lengthRefusal(request, this.#parts.hub.limits.maxFrameBytes);
  }

  #read(visit: Visit, reader: Reader): void {
    const { request, response, expects } = visit;
    const { maxFrameBytes } = this.#parts.hub.limits;
    if (expects) response.writeContinue();
    this.#bodies.read(request, {
      complete: (body) => this.#take(visit, body, reader),
      tooLarge: () => this.#refuse(visit, tooLarge(`more than ${maxFrameBytes}`, maxFrameBytes)),
      tooMuch: () => this.#refuse(visit, tooMuch(this.#parts.hub.wiring.self)),
    });
  }

  #take(visit: Visit, body: Buffer, reader: Reader): void {
    if (!this.#parts.running()) {
      this.#turnAway(visit);
      return;
    }
    try {
      reader(body);
    } catch (error) {
      const known = toNetworkError(error);
      if (known.code === 'TOO_LARGE') this.#parts.hub.counters.bodiesTooLarge += 1;
      if (known.code === 'INTERNAL') this.#parts.hub.log.error({ error }, 'a request could not be taken');
      this.#parts.replies.error(visit.response, known);
    }
  }

  /** This node is about to stop. */
  #turnAway(visit: Visit): void {
    const { self } = this.#parts.hub.wiring;
    const error = new NetworkError('UNREACHABLE', `${self} is shutting down`);
    this.#refuse(visit, { counter: 'httpRefused', status: 503, error });
  }

  #refuse({ request, response }: Visit, { error, counter, status, headers }: Refusal): void {
    this.#parts.hub.counters[counter] += 1;
    this.#parts.hub.meter.failed(error.code);
    this.#parts.replies.error(response, error, { status, headers });
    if (!request.complete) discardBody(request);
  }
}

const viaOf = (request: IncomingMessage): Via => ({ address: addressOf(request), listener: LISTENER });
