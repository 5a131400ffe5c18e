import { toNetworkError } from '../../base/errors.js';
import type { OperatorApi } from '../../role/operator-api.js';
import type { Command, Invocation } from '../command.js';
import type { Environment } from '../environment.js';
import { EXIT } from '../exit-codes.js';
import { jsonFlag } from '../global-flags.js';
import { unknownNode, whereFlag } from '../selection.js';
import { matches } from '../selector.js';
import { tableLook } from '../table.js';
import { renderNode, renderNodes } from '../views/nodes.js';
import { withLeader } from '../with-leader.js';

export const nodesCommand = (environment: Environment): Command => ({
  name: 'nodes',
  summary: 'list, show, evict and forget nodes',
  examples: [
    { command: 'netmgr nodes ls', text: 'the table of nodes' },
    { command: 'netmgr nodes show w1', text: 'everything about one' },
    { command: 'netmgr nodes evict w1', text: 'shut one out of the cluster' },
    { command: 'netmgr nodes forget w1', text: 'free its name again' },
  ],
  commands: [listCommand(environment), showCommand(environment), evictCommand(environment), forgetCommand(environment)],
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
  summary: 'shut nodes out of the cluster',
  details:
    "Their connections end at once, and their keys are refused from then on. The names stay reserved, so that nobody else can take them, until 'netmgr nodes forget'. Operators and observers are evicted by the name of their key.",
  arguments: [{ name: 'NODE', description: 'their names', required: true, variadic: true }],
  examples: [{ command: 'netmgr nodes evict w1 w2', text: 'shut out two' }],
  run: (invocation) =>
    eachNode(environment, invocation, async (operator, node) => {
      await operator.evict(node);
      if (invocation.value(jsonFlag)) await invocation.output.line({ node, evicted: true });
      else invocation.output.note(`${node} is evicted; 'netmgr nodes forget ${node}' frees its name`);
    }),
});

const forgetCommand = (environment: Environment): Command => ({
  name: 'forget',
  summary: 'free the names of nodes that are evicted or gone for good',
  details:
    'Whoever comes with a token may take such a name from then on, under a new key. A node that is there must be evicted first.',
  arguments: [{ name: 'NODE', description: 'their names', required: true, variadic: true }],
  examples: [{ command: 'netmgr nodes forget w1', text: 'its key is forgotten, and the name is free' }],
  run: (invocation) =>
    eachNode(environment, invocation, async (operator, node) => {
      await operator.forget(node);
      if (invocation.value(jsonFlag)) await invocation.output.line({ node, forgotten: true });
      else invocation.output.note(`${node} is forgotten; its name is free`);
    }),
});

/** One after the other; the first that fails ends it, and with a hint at the name that was meant. */
const eachNode = (
  environment: Environment,
  invocation: Invocation,
  work: (operator: OperatorApi, node: string) => Promise<void>,
): Promise<number> =>
  withLeader(environment, invocation, async (operator) => {
    for (const node of invocation.operands) {
      try {
        await work(operator, node);
      } catch (thrown) {
        const error = toNetworkError(thrown);
        if (error.code !== 'NO_TARGET') throw error;
        throw unknownNode(node, (await operator.status()).nodes);
      }
    }
    return EXIT.ok;
  });
