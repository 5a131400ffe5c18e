// Three servers of which one leads, and a client that finds it.  Run: node examples/tcp/leader.mjs
import { NetworkClient, NetworkError, NetworkServer, payloadOf } from 'netmgr';

let leader = 'b';
const stored = new Map();

/** Only the one that leads takes a value; the others say who does. */
const handlerOf = (node) => ({
  handle({ type }, { payload }) {
    if (type !== 'put') return undefined;
    if (node !== leader) throw new NetworkError('NOT_LEADER', `${node} does not lead`, { leader });
    stored.set(payload.key, payload.value);
    return `${node} has stored ${payload.key}`;
  },
});

const servers = ['a', 'b', 'c'].map(
  (node) => new NetworkServer({ node, leader: () => leader, handler: handlerOf(node) }),
);
await Promise.all(servers.map((server) => server.start()));

const client = new NetworkClient({ servers: new Map(servers.map(({ node, address }) => [node, address])) });
await client.start();
const put = async (key, value) => payloadOf(await client.request({ type: 'put', payload: { key, value } }));

console.log(await put('x', 1));
leader = 'c';
await servers[1].stop();
console.log(await put('y', 2));
console.log(`a takes ${(await client.ping('a')).leader} for the leader`);

await client.stop();
await Promise.all(servers.map((server) => server.stop()));
