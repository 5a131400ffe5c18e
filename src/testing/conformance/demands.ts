import type { Demand } from './demand.js';
import { ABORT } from './demands/abort.js';
import { ADMISSION } from './demands/admission.js';
import { BODIES } from './demands/bodies.js';
import { FAILURES } from './demands/failures.js';
import { LIFE } from './demands/life.js';
import { METRICS } from './demands/metrics.js';
import { ORDER } from './demands/order.js';
import { OUTCOMES } from './demands/outcomes.js';
import { PAYLOADS } from './demands/payloads.js';
import { PEERS } from './demands/peers.js';
import { PRESSURE } from './demands/pressure.js';
import { REFUSALS } from './demands/refusals.js';
import { REQUESTS } from './demands/requests.js';
import { SIZES } from './demands/sizes.js';

/** All that is demanded of a transport. */
export const DEMANDS: readonly Demand[] = [
  ...ORDER,
  ...PAYLOADS,
  ...SIZES,
  ...REQUESTS,
  ...OUTCOMES,
  ...ABORT,
  ...BODIES,
  ...REFUSALS,
  ...PEERS,
  ...ADMISSION,
  ...FAILURES,
  ...PRESSURE,
  ...LIFE,
  ...METRICS,
];
