/**
 * `netmgr/testing`: clusters inside one test, on virtual time, with seeded faults.
 *
 * @example
 * const clock = new VirtualClock();
 * const random = seededRandom(7);
 * const hub = new InMemoryNetwork({ clock, random, faults: { baseDelayMs: 10, jitter: 0.5, dropRate: 0.01 } });
 * const leader = new Leader({ name: 'leader', cluster: 'test', version: '0', network: hub.factory(), clock, random });
 * const network = hub.factory({ dial: 'leader' });
 * const worker = new Collaborator({ name: 'w1', version: '0', network, clock, random: random.fork('w1') });
 */
export type { Clock, Timer } from './base/clock.js';
export { type Random, seededRandom } from './base/random.js';
export { type NodeClock, VirtualClock, type VirtualClockOptions } from './base/virtual-clock.js';
export type { BarrierOptions } from './network/memory/barriers.js';
export type { Fault, FaultKind, ScheduledFault } from './network/memory/fault.js';
export type { HubEntry, HubEvent } from './network/memory/history.js';
export type { Boot, Program } from './network/memory/hosts.js';
export { InMemoryNetwork } from './network/memory/in-memory-network.js';
export type { Injection } from './network/memory/injections.js';
export type { Latency } from './network/memory/latency.js';
export type { InMemoryNetworkOptions, LinkFaults, LinkOptions, NodeOptions } from './network/memory/options.js';
export { type RandomScheduleOptions, randomSchedule } from './network/memory/random-schedule.js';
export type { Rule, RuleAction, RuleDraft, RuleMatch } from './network/memory/rules.js';
export { Collaborator, type CollaboratorOptions } from './role/collaborator.js';
export { Leader, type LeaderOptions } from './role/leader.js';
export {
  ChaosProxy,
  type ChaosProxyCounters,
  type ChaosProxyOptions,
  type ProxyListen,
  type StreamFaults,
} from './testing/chaos-proxy.js';
export { type Check, type ConformanceOptions, conformance } from './testing/conformance/conformance.js';
export type { Ability, Ground, Place, Subject } from './testing/conformance/subject.js';
export { Wires, type WiresOptions } from './testing/conformance/wires.js';
export { type DiagramOptions, sequenceDiagram } from './testing/diagram.js';
export {
  type Exploration,
  type ExploreOptions,
  explore,
  type Failure,
  type Replay,
  replay,
} from './testing/explore.js';
export type { ProxyTarget } from './testing/proxied-connection.js';
export { readRun, type SavedRun } from './testing/saved-run.js';
export { type Scenario, Violation, type World } from './testing/scenario.js';
export { type Shrunk, shrink } from './testing/shrink.js';
