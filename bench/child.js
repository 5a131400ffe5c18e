/** One side of a measure, in a process of its own; host.js calls these actions over the IPC channel. */
import { setTimeout as sleep } from 'node:timers/promises';
import { measureCodec } from './codec.js';
import { crowd } from './crowd.js';
import { lead } from './leader.js';
import { load } from './load.js';
import { peerOf } from './peers/peer.js';
import { streamOf } from './streams/stream.js';
import { transportOf } from './transports/transport.js';
import { upload } from './upload.js';

/** What this process runs; one side in its life. @type {any} */
let side;

/** @type {Record<string, (options: any) => unknown>} */
const actions = {
  ask: async ({ peer, ...options }) => {
    side = await (await peerOf(peer)).ask(options);
    return { address: side.address };
  },
  answer: async ({ peer, ...options }) => {
    side = await (await peerOf(peer)).answer(options);
  },
  listen: async ({ transport }) => {
    side = await (await transportOf(transport)).answer();
    return { address: side.address };
  },
  connect: async ({ transport, address }) => {
    side = await (await transportOf(transport)).ask({ address });
  },
  receive: async ({ stream }) => {
    side = await (await streamOf(stream)).receive();
    return { address: side.address };
  },
  send: async ({ stream, address }) => {
    side = await (await streamOf(stream)).send({ address });
  },
  hold: async ({ peer }) => {
    side = await (await peerOf(peer)).hold?.();
    return { address: side.address };
  },
  broker: async ({ peer }) => {
    side = await (await peerOf(peer)).broker?.();
    return { address: side.address };
  },
  lead: async (options) => {
    side = await lead(options);
  },
  crowd: async (options) => {
    side = await crowd(options);
  },
  ready: () => side.ready(),
  load: (options) => load(side, options),
  upload: (options) => upload(side, options),
  codec: measureCodec,
  counts: () => side.counts(),
  cpu: () => process.cpuUsage(),
  peakRssBytes: () => process.resourceUsage().maxRSS * 1024,
  memory: async () => {
    for (let i = 0; i < 3; i += 1) {
      globalThis.gc?.();
      await sleep(100);
    }
    return process.memoryUsage();
  },
  stop: () => side?.stop(),
};

process.on('message', async (/** @type {any} */ { call, action, options }) => {
  try {
    process.send?.({ call, value: await actions[action](options) });
  } catch (error) {
    process.send?.({ call, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});

// Also when the parent was killed: nothing stays behind, a broker neither.
process.on('disconnect', () => {
  side?.stop();
  process.kill(process.pid);
});
