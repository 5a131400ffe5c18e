import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { fromWire, NetworkError } from '../../base/errors.js';
import { type NodeId, TYPE_NAME } from '../../base/names.js';
import { MAX_TTL_MS, shownValue } from '../../message/guard.js';
import { readJsonValue, writeJsonValue } from '../../message/json-value.js';
import type { NetworkMessage } from '../../message/message.js';
import { payloadOf } from '../../message/raw-payload.js';
import type { SendOutcome } from '../network.js';
import type { AnswerWriter } from './held.js';
import type { Hub } from './hub.js';
import { inflated } from './inflate.js';
import type { IntakeParts } from './intake.js';
import { JSON_TYPE, mediaType, takesGzip } from './media.js';
import type { Via } from './remote.js';
import type { Replies } from './reply.js';

/** For how many milliseconds the caller waits. */
const TIMEOUT_HEADER = 'netmgr-timeout-ms';
const BYTES_TYPE = 'application/octet-stream';
const PROTOBUF_TYPE = 'application/x-protobuf';
/** Content types whose bodies are bytes. */
const BINARY: ReadonlySet<string> = new Set([BYTES_TYPE, PROTOBUF_TYPE]);

/** A call whose body is there. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Who calls. */
  readonly caller: NodeId;
  via(): Via;
  readonly type: string;
  readonly body: Buffer;
}

/** The content types that a call may have; without a body it may have none. */
export const CALL_TYPES: readonly string[] = ['', JSON_TYPE, ...BINARY];

/** Calls of whoever speaks HTTP and no more: the body is the payload, and so is the answer. */
export class Calls {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** @throws NetworkError what the call is refused with */
  take({ request, response, caller, via, type, body }: Call): void {
    const { hub, directory, held, replies } = this.#parts;
    const { headers } = request;
    const { self, stamp } = hub.wiring;
    if (!TYPE_NAME.test(type)) throw new NetworkError('INVALID_MESSAGE', `type: ${shownValue(type)} is no type name`);
    const ttl = timeoutOf(headers, hub.limits.requestTimeoutMs);
    const remote = directory.of(caller);
    const payload = this.#payload(headers, inflated(hub, remote, { request, body }));
    const peer = remote.called(via);
    remote.traffic.messagesIn += 1;
    remote.traffic.bytesIn += body.length;
    const message = stamp.make({ kind: 'request', type, from: caller, to: self, ttl, payload });
    const writer = new PayloadAnswer(hub, replies, headers);
    held.hold({ message, remote, peer, response, writer, bytes: body.length });
    hub.deliver(message, peer);
  }

  /** @throws NetworkError INVALID_PAYLOAD, TOO_LARGE */
  #payload(headers: IncomingHttpHeaders, bytes: Buffer): unknown {
    const { limits } = this.#parts.hub;
    const type = mediaType(headers['content-type']);
    // A copy: what is cut out of a socket's buffer would keep the whole of it.
    if (BINARY.has(type)) return new Uint8Array(bytes);
    if (bytes.length === 0) return undefined;
    try {
      return readJsonValue(bytes, limits);
    } catch (error) {
      const { code, message } = error as NetworkError;
      throw new NetworkError(code === 'TOO_LARGE' ? code : 'INVALID_PAYLOAD', `the body: ${message}`);
    }
  }
}

/** @throws NetworkError INVALID_MESSAGE */
function timeoutOf(headers: IncomingHttpHeaders, otherwise: number): number {
  const text = headers[TIMEOUT_HEADER];
  if (text === undefined) return otherwise;
  const ms = Number(text);
  if (Number.isInteger(ms) && ms >= 1 && ms <= MAX_TTL_MS) return ms;
  const rule = `an integer of milliseconds from 1 to ${MAX_TTL_MS}`;
  throw new NetworkError('INVALID_MESSAGE', `header ${TIMEOUT_HEADER}: ${shownValue(text)} is not ${rule}`);
}

/** The answer to a caller: the payload by itself, or the error. */
class PayloadAnswer implements AnswerWriter {
  readonly #hub: Hub;
  readonly #replies: Replies;
  readonly #headers: IncomingHttpHeaders;

  constructor(hub: Hub, replies: Replies, headers: IncomingHttpHeaders) {
    this.#hub = hub;
    this.#replies = replies;
    this.#headers = headers;
  }

  write(response: ServerResponse, answer: NetworkMessage): SendOutcome {
    const payload = payloadOf(answer);
    if (answer.kind === 'error') this.#replies.error(response, fromWire(payload));
    else if (payload === undefined) this.#replies.nothing(response);
    else return this.#content(response, payload);
    return 'queued';
  }

  #content(response: ServerResponse, payload: unknown): SendOutcome {
    const { maxFrameBytes } = this.#hub.limits;
    const type = payload instanceof Uint8Array ? this.#binaryType() : undefined;
    const data = type === undefined ? `${writeJsonValue(payload)}\n` : (payload as Uint8Array);
    const bytes = Buffer.byteLength(data);
    if (bytes > maxFrameBytes) return 'TOO_LARGE';
    this.#replies.content(
      response,
      { type: type ?? JSON_TYPE, data, bytes },
      takesGzip(this.#headers['accept-encoding']),
    );
    return 'queued';
  }

  /** How bytes may be sent: as what the caller accepts, before all as what it has sent; undefined: in JSON. */
  #binaryType(): string | undefined {
    const accepted = (this.#headers.accept ?? '*/*').split(',').map(mediaType);
    const sent = mediaType(this.#headers['content-type']);
    const isAny = accepted.some((type) => type === '*/*' || type === 'application/*');
    if (BINARY.has(sent) && (isAny || accepted.includes(sent))) return sent;
    return accepted.find((type) => BINARY.has(type)) ?? (isAny ? BYTES_TYPE : undefined);
  }
}
