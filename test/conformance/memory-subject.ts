import { seededRandom } from '../../src/base/random.js';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { InMemoryNetwork } from '../../src/network/memory/in-memory-network.js';
import type { InMemoryNetworkOptions } from '../../src/network/memory/options.js';
import type { Subject } from '../../src/testing/conformance/subject.js';

/** The network in memory, on virtual time. */
export const memorySubject = (
  name: string,
  options: Partial<InMemoryNetworkOptions> & { readonly seed?: number } = {},
): Subject => ({
  name,
  shape: 'star',
  maxMessageBytes: 1024 * 1024,
  lacks: {
    vanish: 'what a barrier holds back, the end of a connection as well, passes when it falls',
    halfClose: 'its connections have no halves that could end by themselves',
  },
  open() {
    const clock = new VirtualClock();
    const hub = new InMemoryNetwork({ clock, random: seededRandom(options.seed ?? 1), ...options });
    return {
      clock,
      network: (wiring, { knows: [dial] }) => hub.node(wiring, { dial }),
      silence: (node) => hub.failNode(node),
      heal: (node) => hub.recoverNode(node),
      kill: (node) => hub.crash(node),
      disturb: () => hub.setFaults({ dropRate: 0.1, duplicateRate: 0.1, reorderRate: 0.1 }),
      close: () => {},
    };
  },
});
