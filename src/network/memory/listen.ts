import { NetworkError } from '../../base/errors.js';
import type { AdmissionGranted, Peer } from '../network.js';
import type { NetworkWiring } from '../wiring.js';
import type { Introduction } from './pipe.js';

/** Decides whether a candidate may come in: cluster, name, then whatever the role says. */
export function admission(
  wiring: NetworkWiring,
  candidate: Introduction,
  present: Peer | undefined,
): NetworkError | AdmissionGranted {
  const { cluster, self, admit } = wiring;
  const { node, role, maySubmit, instance, version, greeting } = candidate;
  if (candidate.cluster !== undefined && cluster !== undefined && candidate.cluster !== cluster) {
    return new NetworkError('CLUSTER_MISMATCH', `this is cluster '${cluster}', not '${candidate.cluster}'`);
  }
  if (node === self) return new NetworkError('NAME_IN_USE', `'${node}' is the name of the node that you dialled`);
  const at = { address: 'memory', listener: 'memory' };
  return admit?.({ node, role, maySubmit, instance, version, greeting, present, ...at }) ?? {};
}
