import { TcpNetwork } from '../../src/network/tcp/network.js';
import type { Subject } from '../../src/testing/conformance/subject.js';
import { Wires } from '../../src/testing/conformance/wires.js';
import { STREAMS_LOSE_NOTHING, wiredGround } from './wired-ground.js';

/** Nobody here takes longer to answer a close, but who is not to answer at all. */
const LIMITS = { closeTimeoutMs: 100 };

export const tcpSubject = (...codecs: readonly string[]): Subject => ({
  name: `tcp, ${codecs.join(' or ')}`,
  shape: 'mesh',
  maxMessageBytes: 1024 * 1024,
  lacks: { loss: STREAMS_LOSE_NOTHING },
  open() {
    const wires = new Wires();
    return wiredGround(wires, async (wiring, { knows }) => {
      const { self } = wiring;
      const addresses = new Map<string, string>();
      for (const node of knows) {
        const at = await wires.address(self, node);
        if ('port' in at) addresses.set(node, `${at.host}:${at.port}`);
      }
      const listen = [{ host: '127.0.0.1', port: wires.portOf(self) }];
      const network = new TcpNetwork(wiring, { listen, addresses, codecs, limits: LIMITS });
      wires.listens(self, network, () => network.boundAddresses.get('tcp'));
      return network;
    });
  },
});
