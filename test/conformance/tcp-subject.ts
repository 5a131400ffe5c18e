import { TcpNetwork } from '../../src/network/tcp/network.js';
import type { TcpNetworkOptions } from '../../src/network/tcp/options.js';
import type { Subject } from '../../src/testing/conformance/subject.js';
import { Wires } from '../../src/testing/conformance/wires.js';
import { MeshCertificates } from './mesh-certificates.js';
import { STREAMS_LOSE_NOTHING, wiredGround } from './wired-ground.js';

/** Nobody here takes longer to answer a close, but who is not to answer at all. */
const LIMITS = { closeTimeoutMs: 100 };

interface Flavour extends Pick<TcpNetworkOptions, 'codecs'> {
  readonly tls?: boolean;
}

export function tcpSubject(name: string, { tls = false, codecs }: Flavour): Subject {
  const certificates = tls ? new MeshCertificates() : undefined;
  return {
    name,
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
        const secure = await certificates?.of(self);
        const network = new TcpNetwork(wiring, { listen, addresses, codecs, tls: secure, limits: LIMITS });
        wires.listens(self, network, () => network.boundAddresses.get('tcp'));
        return network;
      });
    },
  };
}
