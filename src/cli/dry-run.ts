import type { OperatorApi } from '../role/operator-api.js';
import type { Invocation } from './command.js';
import { EXIT } from './exit-codes.js';
import { jsonFlag } from './global-flags.js';
import { leastBusy, type Selection, selectNodes } from './selection.js';

/** Prints the names of those who would be asked, one per line. */
export async function dryRun(
  operator: OperatorApi,
  invocation: Invocation,
  meant: { readonly type: string; readonly selection: Selection },
): Promise<number> {
  const { nodes } = await operator.status();
  const { type, selection } = meant;
  const chosen =
    selection.kind === 'some'
      ? selectNodes(selection, nodes)
      : selection.kind === 'anyone'
        ? [leastBusy(type, nodes)]
        : selectNodes({ kind: 'some', names: [selection.node], where: undefined }, nodes);
  const names = chosen.map((node) => node.node);
  if (invocation.value(jsonFlag)) await invocation.output.line({ type, nodes: names });
  else await invocation.output.data(names.map((name) => `${name}\n`).join(''));
  if (selection.kind === 'anyone') invocation.output.note('the leader picks when it happens; now it would be this one');
  return EXIT.ok;
}
