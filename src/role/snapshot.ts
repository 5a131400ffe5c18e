import type { Clock } from '../base/clock.js';
import type { NodeId } from '../base/names.js';
import { isPresent, type Member } from '../membership/member.js';
import type { Membership } from '../membership/membership.js';
import type { Network } from '../network/network.js';
import type { ClusterStatus, LeaderStatus, NodeStatus } from './status.js';

interface SnapshotParts {
  readonly cluster: string;
  readonly leader: LeaderStatus;
  readonly table: Membership;
  readonly network: Network;
  readonly clock: Clock;
  /** Public id of a node's key. */
  readonly device: (node: NodeId) => string | undefined;
}

/** The cluster as the leader sees it now. */
export function takeSnapshot(parts: SnapshotParts): ClusterStatus {
  const { cluster, leader, table } = parts;
  const nodes = [...table.members()].map((member) => nodeStatus(member, parts));
  nodes.sort((a, b) => (a.node < b.node ? -1 : 1));
  return { schema: 1, cluster, leader, counts: { ...table.counts }, nodes, revision: table.revision };
}

/** What a node may see of it: itself, and the leader that it speaks to. */
export function aboutItself(status: ClusterStatus, node: NodeId): ClusterStatus {
  const nodes = status.nodes.filter((row) => row.node === node);
  const counts = { joining: 0, alive: 0, suspect: 0, lost: 0, draining: 0, left: 0 };
  for (const row of nodes) counts[row.status] += 1;
  return { ...status, leader: { ...status.leader, counters: {} }, counts, nodes };
}

function nodeStatus(member: Member, { network, clock, device }: SnapshotParts): NodeStatus {
  const now = clock.now();
  const wallNow = clock.wallNow();
  const traffic = network.peers.get(member.node)?.traffic;
  const wallOf = (monotonicMs: number) => Math.round(wallNow - (now - monotonicMs));
  return {
    node: member.node,
    role: 'collaborator',
    status: member.status,
    address: member.address,
    tags: member.tags,
    handlers: member.handlers,
    slots: { busy: isPresent(member.status) ? member.busy : 0, total: member.slots },
    rttMs: member.rttMs ?? null,
    heartbeatAgeMs: Math.max(0, Math.round(now - member.lastFrameAt)),
    loopLagMs: member.loopLagMs,
    version: member.version,
    pid: member.pid,
    joinedAt: wallOf(member.joinedAt),
    lastSeenAt: wallOf(member.lastFrameAt),
    device: device(member.node) ?? null,
    messages: { in: traffic?.messagesIn ?? 0, out: traffic?.messagesOut ?? 0, errors: traffic?.errors ?? 0 },
    bytes: { in: traffic?.bytesIn ?? 0, out: traffic?.bytesOut ?? 0 },
  };
}
