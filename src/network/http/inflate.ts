import type { IncomingMessage } from 'node:http';
import { NetworkError } from '../../base/errors.js';
import { InflationBudget } from '../inflation-budget.js';
import type { Hub } from './hub.js';
import { expanded, isPlain } from './media.js';
import type { Remote } from './remote.js';

/** A request whose body is there. */
interface Received {
  readonly request: IncomingMessage;
  readonly body: Buffer;
}

/**
 * The body of a request as it was before its content coding, at the expense of whoever has sent it.
 * @throws NetworkError TOO_LARGE, DESERIALIZATION, OVERLOADED
 */
export function inflated(hub: Hub, remote: Remote, { request, body }: Received): Buffer {
  const coding = request.headers['content-encoding'];
  if (isPlain(coding)) return body;
  const { limits, counters, wiring } = hub;
  const { maxFrameBytes, inflationBytesPerSecond } = limits;
  const now = wiring.clock.now();
  remote.inflation ??= new InflationBudget(limits, now);
  if (remote.inflation.waitMs(now) > 0) {
    counters.inflationRefused += 1;
    const share = `${inflationBytesPerSecond} bytes a second`;
    throw new NetworkError('OVERLOADED', `what ${remote.node} sends compressed inflates to more than ${share}`);
  }
  // Until it is known to be less: it may be inflated up to the limit before it is given up.
  let bytes = maxFrameBytes;
  try {
    const whole = expanded(body, coding, maxFrameBytes);
    bytes = whole.length;
    return whole;
  } finally {
    remote.inflation.spend(body.length, bytes, now);
  }
}
