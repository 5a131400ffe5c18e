import type { IncomingHttpHeaders } from 'node:http';
import { NetworkError, toNetworkError } from '../../base/errors.js';
import { NODE_NAME, type NodeId } from '../../base/names.js';
import { shownValue } from '../../message/guard.js';
import { CARD_HEADER, type Card } from './card.js';
import { identityRefusal, type Refusal } from './checks.js';
import type { Hub } from './hub.js';
import type { Names } from './identity.js';

/** Who calls where everybody is believed says so here, or goes by the name `http`. */
const CALLER_HEADER = 'netmgr-from';
const DEFAULT_CALLER = 'http';

/** Whose message it is, if it may be and if it is for this node. */
export function claimedCard(headers: IncomingHttpHeaders, names: Names, hub: Hub): Card | Refusal {
  const { wiring, cards } = hub;
  const { self, cluster } = wiring;
  const text = headers[CARD_HEADER];
  if (names !== 'anybody' && names.size === 0) return identityRefusal('nobody that is known has made this request');
  let card: Card;
  try {
    card = cards.read(typeof text === 'string' ? text : '');
  } catch (error) {
    return { counter: 'httpRefused', error: toNetworkError(error) };
  }
  if (names !== 'anybody' && !names.has(card.node)) return notTheirName(card.node, names);
  // Nothing proves that it has another one.
  if (card.role !== 'collaborator') return notTheirRole(card);
  if (card.to !== self) {
    const error = new NetworkError('UNREACHABLE', `this is ${self}, not ${card.to ?? 'a node without a name'}`);
    return { counter: 'misdirected', status: 421, error };
  }
  if (cluster !== undefined && card.cluster !== undefined && card.cluster !== cluster) {
    const error = new NetworkError('CLUSTER_MISMATCH', `this is cluster '${cluster}', not '${card.cluster}'`);
    return { counter: 'misdirected', error };
  }
  return card.node === self ? ourName(self) : card;
}

const ourName = (self: NodeId): Refusal => ({
  counter: 'misdirected',
  error: new NetworkError('NAME_IN_USE', `${self} is the name of this node`),
});

function notTheirName(node: NodeId, names: ReadonlySet<NodeId>): Refusal {
  const text = `${node} is not the name of whoever has made this request: that is ${[...names].join(' or ')}`;
  return { counter: 'unauthenticated', error: new NetworkError('NOT_ALLOWED', text) };
}

function notTheirRole({ node, role }: Card): Refusal {
  const text = `${node} comes as ${role}, which is not granted here, only collaborator`;
  return { counter: 'unauthenticated', error: new NetworkError('NOT_ALLOWED', text) };
}

/** Who calls. */
export function callerOf(headers: IncomingHttpHeaders, names: Names, self: NodeId): NodeId | Refusal {
  const caller = claimedCaller(headers, names);
  return caller === self ? ourName(self) : caller;
}

function claimedCaller(headers: IncomingHttpHeaders, names: Names): NodeId | Refusal {
  const claimed = headers[CALLER_HEADER];
  if (names === 'anybody') {
    const name = typeof claimed === 'string' ? claimed : DEFAULT_CALLER;
    if (NODE_NAME.test(name)) return name;
    const rule = `header ${CALLER_HEADER}: ${shownValue(name)} is no node name`;
    return { counter: 'httpRefused', error: new NetworkError('INVALID_MESSAGE', rule) };
  }
  if (typeof claimed === 'string') return names.has(claimed) ? claimed : notTheirName(claimed, names);
  const [name] = names;
  return name ?? identityRefusal('nobody that is known has made this request');
}
