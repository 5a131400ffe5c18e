import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import type { Codec } from '../../message/codec.js';
import { codecNamed } from '../../message/codecs.js';
import { jsonCodec } from '../../message/json-codec.js';
import type { CodecAgreement } from '../framed/accept.js';
import type { Welcome } from '../framed/hello.js';

/**
 * Of what a dialler offers, the first that is among these, or is one of them with compression. Who offers nothing speaks
 * JSON.
 */
export const agreementOn =
  (codecs: readonly string[]): CodecAgreement =>
  (offered = [jsonCodec.name]) => {
    for (const name of offered) {
      const codec = codecNamed(name);
      if (codec && (codecs.includes(name) || codecs.includes(codec.plain.name))) return codec;
    }
    throw new NetworkError(
      'VERSION_MISMATCH',
      `this node speaks ${codecs.join(', ')}; it was offered ${offered.join(', ')}`,
    );
  };

export interface Expectation {
  readonly node: NodeId;
  readonly address: string;
  readonly cluster: string | undefined;
  readonly codecs: readonly string[];
}

/**
 * Whether it was the node that was meant that has answered, and with a codec that it was offered.
 * @throws NetworkError UNREACHABLE, CLUSTER_MISMATCH, VERSION_MISMATCH
 */
export function agreedWith(welcome: Welcome, { node, address, cluster, codecs }: Expectation): Codec {
  if (welcome.node !== node) throw new NetworkError('UNREACHABLE', `${address} is ${welcome.node}, not ${node}`);
  if (cluster !== undefined && welcome.cluster !== undefined && welcome.cluster !== cluster) {
    throw new NetworkError('CLUSTER_MISMATCH', `${address} is of cluster ${welcome.cluster}, not ${cluster}`);
  }
  const { codec: name = jsonCodec.name } = welcome;
  const codec = codecs.includes(name) ? codecNamed(name) : undefined;
  if (codec) return codec;
  throw new NetworkError('VERSION_MISMATCH', `${address} chose the codec ${name}; it was offered ${codecs.join(', ')}`);
}
