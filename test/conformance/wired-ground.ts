import type { Network } from '../../src/network/network.js';
import type { NetworkWiring } from '../../src/network/wiring.js';
import type { Ground, Place } from '../../src/testing/conformance/subject.js';
import type { Wires } from '../../src/testing/conformance/wires.js';

/** Why nothing is lost on a connection that stays, for transports on TCP and UNIX sockets. */
export const STREAMS_LOSE_NOTHING = 'the system repeats what is lost, and puts in order what is not';

/** A ground whose nodes are connected by proxies. */
export const wiredGround = (
  wires: Wires,
  network: (wiring: NetworkWiring, place: Place) => Promise<Network>,
  close: () => Promise<unknown> = async () => {},
): Ground => ({
  network,
  silence: (node) => wires.silence(node),
  heal: (node) => wires.heal(node),
  kill: (node) => wires.kill(node),
  vanish: (node) => wires.vanish(node),
  halfClose: (node, peer) => wires.halfClose(node, peer),
  async close() {
    await wires.close();
    await close();
  },
});
