import { HttpNetwork } from '../../src/network/http/network.js';
import type { HttpNetworkOptions } from '../../src/network/http/options.js';
import type { Subject } from '../../src/testing/conformance/subject.js';
import { Wires } from '../../src/testing/conformance/wires.js';
import { MeshCertificates } from './mesh-certificates.js';
import { STREAMS_LOSE_NOTHING, wiredGround } from './wired-ground.js';

interface Flavour extends Pick<HttpNetworkOptions, 'codec' | 'compression'> {
  readonly tls?: boolean;
}

export function httpSubject(name: string, { tls = false, codec, compression }: Flavour): Subject {
  const certificates = tls ? new MeshCertificates() : undefined;
  const scheme = tls ? 'https' : 'http';
  return {
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
          if ('port' in at) addresses.set(node, `${scheme}://${at.host}:${at.port}`);
        }
        const listen = { port: wires.portOf(self) };
        const secure = await certificates?.of(self);
        const network = new HttpNetwork(wiring, { codec, compression, listen, addresses, tls: secure });
        wires.listens(self, network, () => network.boundAddresses.get('http'));
        return network;
      });
    },
  };
}
