import { failureOf, type Productions } from './production.js';

export const WORK: Productions = {
  NO_HANDLER: async ({ leader }) => ({ error: await failureOf(leader.request('rezise')), names: ["'rezise'"] }),

  NO_TARGET: async ({ operator }) => ({ error: await failureOf(operator.evict('w99')), names: ["'w99'"] }),

  NOT_LEADER: async ({ leader }) => {
    const error = await failureOf(leader.request('append', null, { to: 'w1' }));
    return { error, names: ['w1', 'w2'] };
  },

  INVALID_PAYLOAD: async ({ leader }) => {
    const error = await failureOf(leader.request('resize', { width: '3' }, { to: 'w1' }));
    return { error, names: ["'resize'", 'width'] };
  },

  HANDLER_FAILED: async ({ leader }) => {
    const error = await failureOf(leader.request('broken', null, { to: 'w1' }));
    return { error, names: ["'sh'", 'exit code 3', 'cat.png'] };
  },

  HANDLER_RETRY: async ({ leader }) => {
    const error = await failureOf(leader.request('later', null, { to: 'w1' }));
    return { error, names: ["'sh'", 'exit code 75'] };
  },

  OVERLOADED: async ({ leader }) => {
    const controller = new AbortController();
    const first = failureOf(leader.request('busy', null, { to: 'w1', signal: controller.signal }));
    const error = await failureOf(leader.request('busy', null, { to: 'w1' }));
    controller.abort();
    await first;
    return { error, names: ['w1', "'busy'", '1'], shown: { busy: 'resize' } };
  },
};
