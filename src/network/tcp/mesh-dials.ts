import type { NodeId } from '../../base/names.js';
import type { Codec } from '../../message/codec.js';
import { codecNamed } from '../../message/codecs.js';
import { jsonCodec } from '../../message/json-codec.js';
import { Attempt, type AttemptParts } from '../framed/attempt.js';
import type { Greetings } from '../framed/greetings.js';
import type { Hub } from '../framed/hub.js';
import type { NetworkWiring } from '../wiring.js';
import { agreedWith } from './agreement.js';
import type { TcpCounters } from './counters.js';
import { Dials } from './dials.js';
import type { Mesh } from './mesh.js';
import type { ResolvedOptions } from './options.js';
import { TcpDial } from './tcp-dial.js';
import type { LinkBounds } from './tcp-link.js';

export interface MeshDialsParts {
  readonly wiring: NetworkWiring;
  readonly hub: Hub<Mesh>;
  readonly bounds: LinkBounds;
  readonly counters: TcpCounters;
  readonly greetings: Greetings;
  readonly options: ResolvedOptions;
}

/** What dials the nodes of a mesh. */
export function dialsOf({ wiring, hub, bounds, counters, greetings, options }: MeshDialsParts): Dials {
  const { self, role, cluster, clock, random } = wiring;
  const { addresses, codecs, dialTimeoutMs, limits, tls } = options;
  const tcp = new TcpDial({ host: hub, bounds, tls });
  const partsOf = (node: NodeId, address: string, connect: AttemptParts['connect']): AttemptParts => ({
    self,
    role,
    address,
    credentials: undefined,
    connect,
    hello: () => greetings.hello(node, codecs),
    control: (type, payload) => hub.stamp.make({ kind: 'control', type, payload }),
    agree: (welcome) => agreedWith(welcome, { node, address, cluster, codecs }),
  });
  return new Dials({
    self,
    clock,
    random,
    counters,
    addresses,
    codec: preferred(codecs),
    limits,
    dialTimeoutMs,
    attempt: ({ node, address, location }, end) =>
      new Attempt(
        partsOf(node, address, (attempt, signal) => tcp.connect({ node, address, location }, attempt, signal)),
        end,
      ),
    connectionFor: (message, node) => hub.topology.connectionFor(message, node),
    room: (underWay) => hub.topology.dialled + underWay < limits.maxDialled || hub.topology.spare(),
    opened: (connection, greeting) => hub.topology.enter(connection, greeting, 'dialled'),
    emit: (event) => hub.emit(event),
  });
}

const preferred = ([name = '']: readonly string[]): Codec => codecNamed(name) ?? jsonCodec;
