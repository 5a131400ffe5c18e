import { createCollaborator, createLeader, type SecureLeader } from '../../src/index.js';
import { Nodes, Stranger } from '../network/websocket-nodes.js';
import type { Place } from './place.js';
import { failureOf, type Productions } from './production.js';
import { told } from './told.js';

export const JOIN: Productions = {
  HANDSHAKE_TIMEOUT: async () => {
    await using nodes = new Nodes();
    const leader = await nodes.leader({ limits: { handshakeTimeoutMs: 100, sweepMs: 50 } });
    const mute = new Stranger(nodes.webSocket(leader.port), 'w14');
    return { error: await told(mute, 'hello'), names: ['100 ms'] };
  },

  NAME_IN_USE: async ({ clock, leader }) => {
    const again = createCollaborator({ clock, leader: leader.address, name: 'w1', retry: false });
    return { error: await failureOf(again), names: ['w1', `pid ${process.pid}`, '127.0.0.1:'] };
  },

  CLUSTER_MISMATCH: async (place) => {
    const here = await secureLeader(place);
    const elsewhere = await invited(await secureLeader(place));
    const joined = createCollaborator({
      clock: place.clock,
      leader: here.address,
      name: 'w6',
      retry: false,
      ...elsewhere,
    });
    const { host } = new URL(here.address);
    return { error: await failureOf(joined), names: [host], secrets: [secretOf(elsewhere.token)] };
  },

  VERSION_MISMATCH: async (place) => {
    const stranger = await place.open('w7');
    stranger.say({ v: 2, kind: 'control', type: 'hello', payload: {} });
    return { error: await told(stranger, 'hello'), names: ['version 2', 'version 1'] };
  },

  NOT_ALLOWED: async (place) => {
    const { clock } = place;
    const leader = await secureLeader(place);
    const { token } = await invited(leader);
    const join = (name: string) => createCollaborator({ clock, leader: leader.address, name, token, retry: false });
    place.adopt(await join('w8'));
    const id = leader.security.invites.list()[0]?.id ?? 'an invitation';
    return { error: await failureOf(join('w9')), names: [id], secrets: [secretOf(token)], shown: { [id]: 'surqa5za' } };
  },

  EVICTED: async (place) => {
    const { clock, leader, operator } = place;
    const evicted = place.adopt(await createCollaborator({ clock, leader: leader.address, name: 'w10' }));
    const refused = new Promise((resolve) => {
      evicted.on('leader', (event) => {
        if (event.type === 'refused') resolve(event.error);
      });
    });
    await operator.evict('w10');
    return { error: await refused, names: ['w10'] };
  },
};

async function secureLeader(place: Place): Promise<SecureLeader> {
  return place.adopt(await createLeader({ clock: place.clock, listen: { port: 0 } }));
}

async function invited({ security }: SecureLeader): Promise<{ readonly token: string }> {
  const { token } = await security.invites.create({ role: 'collaborator', uses: 1 });
  return { token };
}

/** The part of a token that nobody else may learn. */
const secretOf = (token: string): string => token.split('-')[5] ?? token;
