// Does the transport beside this file keep the contract? node examples/transport/conformance.mjs
import { conformance } from 'netmgr/testing';
import { Exchange, PortNetwork } from './port-network.mjs';

/** What the suite has to know of a transport. */
const subject = {
  name: 'ports',
  shape: 'star',
  maxMessageBytes: 1024 * 1024,
  lacks: {
    silence: 'whoever holds a port is told when the other end closes, and nothing else comes between the two',
    vanish: 'a port closes with its thread',
    halfClose: 'a port closes as a whole',
    loss: 'nothing is lost between threads',
  },
  open() {
    const exchange = new Exchange();
    const networks = new Map();
    return {
      network(wiring, { knows: [dialled] }) {
        const options = dialled === undefined ? { listen: exchange } : { dial: () => exchange.connect(dialled) };
        const network = new PortNetwork(wiring, options);
        networks.set(wiring.self, network);
        return network;
      },
      kill: (node) => networks.get(node).destroy(),
      close() {},
    };
  },
};

let failed = 0;
const checks = conformance(subject);
for (const check of checks) {
  try {
    await check.run();
  } catch (error) {
    failed += 1;
    console.log(`${check.name}\n  ${error.message}`);
  }
}
console.log(failed === 0 ? `${subject.name} keep the contract` : `${failed} of ${checks.length} checks failed`);
for (const reason of new Set(checks.flatMap(({ leftOut }) => leftOut ?? []))) console.log(`left out: ${reason}`);
process.exitCode = failed === 0 ? 0 : 1;
