import type { OperatorApi } from '../../role/operator-api.js';
import type { Command, Invocation } from '../command.js';
import { connect } from '../connect.js';
import type { Environment } from '../environment.js';
import { EXIT } from '../exit-codes.js';
import { jsonFlag } from '../global-flags.js';
import { unknownNode, whereFlag } from '../selection.js';
import { matches } from '../selector.js';
import { tableLook } from '../table.js';
import { leaderTarget } from '../target.js';
import { renderNode, renderNodes } from '../views/nodes.js';

const CONNECT_MS = 5000;

export const nodesCommand = (environment: Environment): Command => ({
  name: 'nodes',
  summary: 'list, show and evict nodes',
  examples: [
    { command: 'netmgr nodes ls', text: 'the table of nodes' },
    { command: 'netmgr nodes show w1', text: 'everything about one' },
    { command: 'netmgr nodes evict w1', text: 'remove one from the cluster' },
  ],
  commands: [listCommand(environment), showCommand(environment), evictCommand(environment)],
});

const listCommand = (environment: Environment): Command => ({
  name: 'ls',
  summary: 'the table of nodes',
  flags: [whereFlag],
  examples: [
    { command: 'netmgr nodes ls', text: 'all of them' },
    { command: "netmgr nodes ls --where 'tag.gpu=1 and status=alive'", text: 'some of them' },
    { command: 'netmgr nodes ls --json', text: 'one JSON document' },
  ],
  run: (invocation) =>
    withLeader(environment, invocation, async (operator) => {
      const status = await operator.status();
      const where = invocation.value(whereFlag);
      const nodes = status.nodes.filter((node) => where === undefined || matches(where, node));
      if (invocation.value(jsonFlag)) await invocation.output.document({ schema: 1, nodes });
      else await invocation.output.data(await renderNodes(nodes, tableLook(invocation.output, invocation.style)));
      return EXIT.ok;
    }),
});

const showCommand = (environment: Environment): Command => ({
  name: 'show',
  summary: 'everything about one node',
  arguments: [{ name: 'NODE', description: 'its name', required: true }],
  examples: [{ command: 'netmgr nodes show w1', text: 'one node in full' }],
  run: (invocation) =>
    withLeader(environment, invocation, async (operator) => {
      const status = await operator.status();
      const [name = ''] = invocation.operands;
      const node = status.nodes.find((each) => each.node === name);
      if (node === undefined) throw unknownNode(name, status.nodes);
      if (invocation.value(jsonFlag)) await invocation.output.document({ schema: 1, ...node });
      else await invocation.output.data(renderNode(node, tableLook(invocation.output, invocation.style)));
      return EXIT.ok;
    }),
});

const evictCommand = (environment: Environment): Command => ({
  name: 'evict',
  summary: 'remove nodes from the cluster',
  details: 'The node is told so and its process may not come back; one that is started anew may.',
  arguments: [{ name: 'NODE', description: 'their names', required: true, variadic: true }],
  examples: [{ command: 'netmgr nodes evict w1 w2', text: 'remove two' }],
  run: (invocation) =>
    withLeader(environment, invocation, async (operator) => {
      const { nodes } = await operator.status();
      const unknown = invocation.operands.find((name) => !nodes.some((node) => node.node === name));
      if (unknown !== undefined) throw unknownNode(unknown, nodes);
      for (const name of invocation.operands) {
        await operator.evict(name);
        if (invocation.value(jsonFlag)) await invocation.output.line({ node: name, evicted: true });
        else invocation.output.note(`${name} is evicted`);
      }
      return EXIT.ok;
    }),
});

async function withLeader(
  environment: Environment,
  invocation: Invocation,
  work: (operator: OperatorApi) => Promise<number>,
): Promise<number> {
  const target = leaderTarget(environment, invocation);
  const operator = await connect(environment, target, { timeoutMs: CONNECT_MS, signal: invocation.signal });
  try {
    return await work(operator);
  } finally {
    await operator.stop();
  }
}
