import type { Registration } from '../../src/membership/member.js';
import type { Membership } from '../../src/membership/membership.js';
import type { HeartbeatReport, MembershipEffect } from '../../src/membership/membership-event.js';

/** Short ways to say what happens to a member in a test. */

interface Facts {
  readonly instance: string;
  readonly address: string;
  readonly pid: number;
}

export function connect(membership: Membership, node: string, facts: Partial<Facts>, now: number) {
  const { instance = `${node}-1`, address = '192.0.2.1:1000', pid = 1 } = facts;
  return membership.apply({ type: 'connected', node, instance, version: '0.1.0', address, pid }, now);
}

export function register(membership: Membership, node: string, facts: Partial<Registration>, now: number) {
  const registration: Registration = { sequence: 1, handlers: ['sha256'], tags: {}, slots: 4, ...facts };
  return membership.apply({ type: 'registered', node, registration }, now);
}

export function beat(membership: Membership, node: string, report: Partial<HeartbeatReport>, now: number) {
  const touched = membership.touch(node, now);
  return [
    ...touched,
    ...membership.apply({ type: 'heartbeat', node, report: { busy: 0, loopLagMs: 0, ...report } }, now),
  ];
}

export function lose(
  membership: Membership,
  node: string,
  { instance = `${node}-1`, left = false }: { readonly instance?: string; readonly left?: boolean },
  now: number,
) {
  return membership.apply({ type: 'disconnected', node, instance, left }, now);
}

/** Sweeps every half second from `from` to `to`, both included. */
export function sweepUntil(membership: Membership, from: number, to: number): MembershipEffect[] {
  const effects: MembershipEffect[] = [];
  for (let now = from; now <= to; now += 500) effects.push(...membership.apply({ type: 'evaluate' }, now));
  return effects;
}

/** A joined member. */
export function join(membership: Membership, node: string, now: number): void {
  connect(membership, node, {}, now);
  register(membership, node, {}, now);
}

/** `w1: alive → suspect (silent)`, `w1: disconnect TIMEOUT`, … */
export const told = (effects: readonly MembershipEffect[]): string[] => effects.map(line);

function line(effect: MembershipEffect): string {
  switch (effect.type) {
    case 'statusChanged':
      return `${effect.node}: ${effect.from ?? 'new'} → ${effect.to} (${effect.reason})`;
    case 'answerHeartbeat':
      return `${effect.node}: answer ${effect.intervalMs}`;
    case 'askRegistration':
      return `${effect.node}: register again`;
    case 'disconnectPeer':
      return `${effect.node}: disconnect ${effect.error.code}`;
    case 'memberForgotten':
      return `${effect.node}: forgotten`;
  }
}
