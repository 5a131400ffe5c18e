import { silentLog } from '../../src/base/log.js';
import type { NodeId, Role } from '../../src/base/names.js';
import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import type { MessageDraft, NetworkMessage } from '../../src/message/message.js';
import { payloadOf } from '../../src/message/raw-payload.js';
import { Stamp } from '../../src/message/stamp.js';
import { InMemoryNetwork } from '../../src/network/memory/in-memory-network.js';
import type { InMemoryNetworkOptions, NodeOptions } from '../../src/network/memory/options.js';
import type { Network, PeerEvent } from '../../src/network/network.js';
import type { NetworkWiring } from '../../src/network/wiring.js';

/** A node under test: its network, and what it saw. */
export interface Station {
  readonly network: Network;
  readonly events: PeerEvent[];
  readonly received: NetworkMessage[];
  make(draft: Partial<MessageDraft> & { readonly to?: NodeId }): NetworkMessage;
  /** What arrived, payloads only. */
  payloads(): unknown[];
  /** `connected b`, `disconnected b left`, … in order. */
  story(): string[];
}

export interface Lab {
  readonly clock: VirtualClock;
  readonly hub: InMemoryNetwork;
  station(self: NodeId, options?: NodeOptions & Partial<NetworkWiring>): Promise<Station>;
}

/** A hub on virtual time, seeded. */
export function makeLab(options: Partial<InMemoryNetworkOptions> & { readonly seed?: number } = {}): Lab {
  const clock = new VirtualClock();
  const random = seededRandom(options.seed ?? 1);
  const hub = new InMemoryNetwork({ clock, random: random.fork('hub'), ...options });
  let made = 0;
  const station: Lab['station'] = async (self, given = {}) => {
    made += 1;
    const own = random.fork(`${self} ${made}`);
    const nodeClock = clock.skewed(0);
    const role: Role = given.dial === undefined ? 'leader' : 'collaborator';
    const stamp = new Stamp(self, nodeClock, own);
    const base = {
      self,
      role,
      cluster: undefined,
      version: '1.2.3',
      clock: nodeClock,
      random: own,
      log: silentLog,
      stamp,
    };
    const { dial, listen, ...wiring } = given;
    const network = hub.node({ ...base, ...wiring }, { dial, listen });
    const observed = observe(network, stamp);
    await network.start();
    return observed;
  };
  return { clock, hub, station };
}

function observe(network: Network, stamp: Stamp): Station {
  const events: PeerEvent[] = [];
  const received: NetworkMessage[] = [];
  network.onPeer((event) => events.push(event));
  network.onMessage((message) => received.push(message));
  return {
    network,
    events,
    received,
    make: (draft) => stamp.make({ kind: 'event', type: 'test', ...draft }),
    payloads: () => received.map(payloadOf),
    story: () => events.map(lineOf),
  };
}

function lineOf(event: PeerEvent): string {
  if (event.type === 'disconnected') return `disconnected ${event.peer.node} ${event.left ? 'left' : 'lost'}`;
  return 'peer' in event ? `${event.type} ${event.peer.node}` : `${event.type} ${event.error.code}`;
}
