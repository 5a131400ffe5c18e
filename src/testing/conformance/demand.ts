import type { Stage } from './stage.js';
import type { Ability, Subject } from './subject.js';

/** One demand of the contract, and how it is put to the test. */
export interface Demand {
  /** `topic: what must be so`. */
  readonly name: string;
  /** `messages`: the transport itself. `requests`: an `Endpoint` over it. */
  readonly about: 'messages' | 'requests';
  /** Transports of this shape alone. @default both */
  readonly shape?: Subject['shape'];
  readonly needs?: readonly Ability[];
  run(stage: Stage): Promise<void>;
}
