import { NetworkError } from '../../base/errors.js';
import type { NodeId } from '../../base/names.js';
import { type LinkFaults, resolveFaults } from './options.js';

/**
 * One thing that goes wrong, in words that can be saved as JSON. Each has an end, which puts right what it did and
 * nothing else, so that faults may lie over one another.
 */
export type Fault =
  /** Nothing passes between two nodes. `reject`: senders are told PARTITIONED. */
  | {
      readonly kind: 'partition';
      readonly between: readonly [NodeId, NodeId];
      readonly oneWay?: boolean;
      readonly reject?: boolean;
    }
  /** Groups do not hear one another; `oneWay`: later groups do not hear earlier ones. */
  | {
      readonly kind: 'split';
      readonly groups: readonly (readonly NodeId[])[];
      readonly oneWay?: boolean;
      readonly reject?: boolean;
    }
  /** The node neither hears nor is heard, and lives on. `reject`: senders are told NODE_FAILED. */
  | { readonly kind: 'fail'; readonly node: NodeId; readonly reject?: boolean }
  /** The process is killed; where the hub hosts it, it starts again at the end. */
  | { readonly kind: 'crash'; readonly node: NodeId }
  /** Links are slow, lossy, narrow: all of them, or those from or to a node. */
  | {
      readonly kind: 'faults';
      readonly faults: Partial<LinkFaults>;
      readonly from?: NodeId;
      readonly to?: NodeId;
    }
  /** The node's wall clock jumps by `skewMs`, or its time runs faster by `driftPpm` millionths. */
  | { readonly kind: 'clock'; readonly node: NodeId; readonly skewMs?: number; readonly driftPpm?: number };

export type FaultKind = Fault['kind'];

const FAULT_KINDS: readonly FaultKind[] = ['partition', 'split', 'fail', 'crash', 'faults', 'clock'];

/** A fault at its time. */
export interface ScheduledFault {
  /** When it begins, in milliseconds after the schedule was given to the hub. */
  readonly at: number;
  /** How long it lasts, in milliseconds. @default until `calm()` */
  readonly forMs?: number;
  readonly fault: Fault;
}

/** Faster or slower than this is no clock. */
const MAX_DRIFT_PPM = 500_000;

/** @throws NetworkError INVALID_OPTION naming the field and its rule */
export function checkFault(fault: Fault): void {
  switch (fault.kind) {
    case 'partition':
      for (const node of fault.between) checkNode('between', node);
      if (fault.between.length !== 2) throw refusal('between', fault.between.length, 'a list of two nodes');
      return;
    case 'split':
      if (fault.groups.length < 2) throw refusal('groups', fault.groups.length, 'a list of two groups or more');
      for (const group of fault.groups) for (const node of group) checkNode('groups', node);
      return;
    case 'fail':
    case 'crash':
      checkNode('node', fault.node);
      return;
    case 'faults':
      resolveFaults(fault.faults);
      return;
    case 'clock': {
      checkNode('node', fault.node);
      const { skewMs = 0, driftPpm = 0 } = fault;
      if (!Number.isFinite(skewMs)) throw refusal('skewMs', skewMs, 'a number of milliseconds');
      if (!(Math.abs(driftPpm) <= MAX_DRIFT_PPM)) throw refusal('driftPpm', driftPpm, `within ${MAX_DRIFT_PPM}`);
      return;
    }
    default:
      throw refusal('kind', (fault as { kind?: unknown }).kind, FAULT_KINDS.join(', '));
  }
}

/** The fault in a line, for people. */
export function faultText(fault: Fault): string {
  switch (fault.kind) {
    case 'partition':
      return `partition ${fault.between.join(fault.oneWay ? ' -> ' : ' <-> ')}${told(fault)}`;
    case 'split':
      return `split ${fault.groups.map((group) => group.join(' ')).join(fault.oneWay ? ' -> ' : ' | ')}${told(fault)}`;
    case 'fail':
      return `fail ${fault.node}${told(fault)}`;
    case 'crash':
      return `crash ${fault.node}`;
    case 'faults': {
      const where = `${fault.from ? ` from ${fault.from}` : ''}${fault.to ? ` to ${fault.to}` : ''}`;
      return `faults${where} ${JSON.stringify(fault.faults)}`;
    }
    case 'clock': {
      const { skewMs, driftPpm } = fault;
      const words = [skewMs === undefined ? '' : ` ${skewMs} ms`, driftPpm === undefined ? '' : ` ${driftPpm} ppm`];
      return `clock ${fault.node}${words.join('')}`;
    }
  }
}

const told = ({ reject }: { readonly reject?: boolean }): string => (reject ? ', senders are told' : '');

function checkNode(field: string, node: unknown): void {
  if (typeof node !== 'string' || node === '') throw refusal(field, node, 'the name of a node');
}

const refusal = (field: string, value: unknown, rule: string): NetworkError =>
  new NetworkError('INVALID_OPTION', `fault.${field}: ${String(value)} is not ${rule}`);
