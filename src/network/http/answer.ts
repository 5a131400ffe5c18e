import { fromWire, messageOf, NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { DecodeLimits } from '../../message/codec.js';
import type { NetworkMessage } from '../../message/message.js';
import type { BaseUrl } from './base-url.js';
import { CARD_HEADER, type Card, type Cards } from './card.js';
import { codecOf, expanded, isKnownCoding, JSON_TYPE, mediaType } from './media.js';
import type { HttpResponse } from './response-parser.js';
import { codeOf } from './status.js';

export interface Question {
  readonly answer: HttpResponse;
  /** Who was asked, and where. */
  readonly node: NodeId;
  readonly url: BaseUrl;
  readonly cluster: string | undefined;
  readonly cards: Cards;
  readonly limits: DecodeLimits;
}

/** What came back. */
export type Answered = Accepted | Refused;

interface Accepted {
  readonly card: Card;
  readonly messages: readonly NetworkMessage[];
  readonly error?: undefined;
}

interface Refused {
  readonly error: NetworkError;
  /** The node itself has said so; else it is something that stands at its address. */
  readonly byNode: boolean;
}

/** @throws NetworkError RECEIVE_FAILED: the node has answered, but not so that it can be read */
export function readAnswer(question: Question): Answered {
  try {
    return read(question);
  } catch (error) {
    const { node, url } = question;
    const text = `the answer of ${node} (${url.text}) cannot be read: ${messageOf(error)}`;
    throw new NetworkError('RECEIVE_FAILED', text, { cause: error, node, address: url.text });
  }
}

function read(question: Question): Answered {
  const { answer, limits } = question;
  const text = answer.headers.get(CARD_HEADER);
  if (text === undefined) return { error: foreign(question), byNode: false };
  const card = question.cards.read(text);
  const wrong = wrongCard(card, question);
  if (wrong) return { error: wrong, byNode: false };
  if (answer.status === 204) return { card, messages: [] };
  if (answer.status !== 200) return { error: refusalOf(question), byNode: true };
  const type = answer.headers.get('content-type');
  const coding = answer.headers.get('content-encoding');
  const codec = codecOf(type);
  if (codec === undefined || !isKnownCoding(coding)) {
    throw new Error(`it is ${type ?? 'of no content type'} ${coding ?? ''}`.trim());
  }
  const { messages, invalid } = codec.decode(expanded(answer.body, coding, limits.maxFrameBytes), limits);
  const [first] = invalid;
  if (first) throw first.error;
  return { card, messages };
}

function wrongCard(card: Card, { node, url, cluster }: Question): NetworkError | undefined {
  const where = { node, address: url.text };
  if (card.node !== node) {
    return new NetworkError('UNREACHABLE', `${url.text} is the address of ${card.node}, not of ${node}`, {
      ...where,
      hint: 'Correct the address book.',
    });
  }
  if (cluster === undefined || card.cluster === undefined || card.cluster === cluster) return undefined;
  return new NetworkError('CLUSTER_MISMATCH', `${node} is of cluster ${card.cluster}, not of ${cluster}`, where);
}

/** Something answers that is no node: a proxy, or another program. */
function foreign({ answer, node, url }: Question): NetworkError {
  const text = `${url.text}, the address of ${node}, answers ${answer.status}, not as a node`;
  return new NetworkError(codeOf(answer.status), text, { node, address: url.text });
}

/** What the node has said in the place of an answer. */
function refusalOf({ answer, node, url }: Question): NetworkError {
  const told = toldIn(answer);
  if (told !== undefined) return fromWire(told, node);
  return new NetworkError(codeOf(answer.status), `${node} answered ${answer.status}`, { node, address: url.text });
}

function toldIn({ headers, body }: HttpResponse): unknown {
  if (mediaType(headers.get('content-type')) !== JSON_TYPE) return undefined;
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
