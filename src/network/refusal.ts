import { NetworkError } from '../base/errors.js';
import type { NodeId } from '../base/names.js';
import type { SendOutcome } from './network.js';

export interface Refused {
  readonly self: NodeId;
  readonly type: string;
  /** As the message has it. */
  readonly to: NodeId | undefined;
  /** For whom it was, in words. */
  readonly target: string;
}

type Refusal = Exclude<SendOutcome, 'queued'>;

/** Why a message was not queued. */
export function refusalOf(outcome: Refusal, { self, type, to, target }: Refused): NetworkError {
  const texts: Readonly<Record<Refusal, string>> = {
    UNREACHABLE: `${target} is not connected`,
    BACKPRESSURE: `the queue to ${target} is full; it reads more slowly than we write`,
    TOO_LARGE: `the message '${type}' is larger than ${target} accepts in one frame`,
    NO_ADDRESS: `no address is known for ${target}: ${self} has no entry for it, or one that is no address`,
    STOPPED: `${self} is not running: it was stopped, or its start was not waited for`,
    PARTITIONED: `there is a partition between ${self} and ${target}`,
    NODE_FAILED: `${target} has failed, or ${self} has`,
  };
  return new NetworkError(outcome, texts[outcome], { node: to, hint: HINTS[outcome] });
}

const HINTS: { readonly [outcome in Refusal]?: string } = {
  TOO_LARGE: 'The limit is its maxFrameBytes, 1 MiB by default: send a path or an address of what is larger.',
  NO_ADDRESS: 'Add it to the addresses of the network, or put right what stands there.',
};
