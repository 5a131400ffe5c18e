import { HttpNetwork } from '../../src/network/http/network.js';
import type { HttpNetworkOptions } from '../../src/network/http/options.js';
import type { Subject } from '../../src/testing/conformance/subject.js';
import { Wires } from '../../src/testing/conformance/wires.js';
import { STREAMS_LOSE_NOTHING, wiredGround } from './wired-ground.js';

export const httpSubject = (name: string, options: Pick<HttpNetworkOptions, 'codec' | 'compression'>): Subject => ({
  name,
  shape: 'mesh',
  maxMessageBytes: 1024 * 1024,
  lacks: {
    loss: STREAMS_LOSE_NOTHING,
    connections: 'each exchange may have a connection of its own',
    greetings: 'an exchange says who speaks, and no more',
  },
  open() {
    const wires = new Wires();
    return wiredGround(wires, async (wiring, { knows }) => {
      const { self } = wiring;
      const addresses = new Map<string, string>();
      for (const node of knows) {
        const at = await wires.address(self, node);
        if ('port' in at) addresses.set(node, `http://${at.host}:${at.port}`);
      }
      const network = new HttpNetwork(wiring, { ...options, listen: { port: wires.portOf(self) }, addresses });
      wires.listens(self, network, () => network.boundAddresses.get('http'));
      return network;
    });
  },
});
