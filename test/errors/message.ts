import { until } from '../network/websocket-nodes.js';
import { failureOf, type Productions } from './production.js';
import { told } from './told.js';

export const MESSAGE: Productions = {
  SERIALIZATION: async ({ leader }) => {
    const payload = { list: [1, { size: 10n }] };
    return { error: await failureOf(leader.request('resize', payload, { to: 'w1' })), names: ['payload.list[1].size'] };
  },

  DESERIALIZATION: async (place) => {
    const stranger = await place.stranger('w11');
    stranger.socket.send('{"v":1,"id":"a",oops');
    return { error: await told(stranger, 'message'), names: ['byte 16', "'o'"] };
  },

  INVALID_MESSAGE: async (place) => {
    const stranger = await place.stranger('w12');
    stranger.say({ kind: 'event', ttl: -5 });
    return { error: await told(stranger, 'message'), names: ['ttl', '-5', '604800000'] };
  },

  TOO_LARGE: async ({ leader }) => {
    const payload = 'x'.repeat(2 << 20);
    return { error: await failureOf(leader.request('resize', payload, { to: 'w1' })), names: ["'resize'", 'w1'] };
  },

  FLOOD: async (place) => {
    const stranger = await place.member('w13');
    const beat = () => stranger.say({ kind: 'heartbeat', type: 'heartbeat', payload: { busy: 0, registration: 1 } });
    await until(() => {
      for (let sent = 0; sent < 20; sent += 1) if (stranger.closeCode === undefined) beat();
      return stranger.error('connection') !== undefined;
    }, 'the end');
    return { error: await told(stranger, 'connection'), names: ['w13', '2000 ms'] };
  },
};
