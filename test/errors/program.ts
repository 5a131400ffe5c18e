import { writeFileSync } from 'node:fs';
import { VirtualClock } from '../../src/base/virtual-clock.js';
import { createLeader } from '../../src/index.js';
import { failureOf, type Productions } from './production.js';

export const PROGRAM: Productions = {
  IO: async (place) => {
    const { clock } = place;
    const directory = place.path('file');
    writeFileSync(directory, '');
    const socketPath = `${directory}/leader.sock`;
    const error = await failureOf(createLeader({ clock, plaintext: true, listen: { port: 0 }, socketPath }));
    return { error, names: [socketPath], shown: { [directory]: '/run/netmgr' } };
  },

  INVALID_OPTION: async ({ clock }) => {
    const error = await failureOf(createLeader({ clock, plaintext: true, name: 'Big Host' }));
    return { error, names: ['name', '"Big Host"'] };
  },

  ADDRESS_IN_USE: async ({ clock, port }) => {
    const error = await failureOf(createLeader({ clock, plaintext: true, listen: { port } }));
    return { error, names: [`127.0.0.1:${port}`] };
  },

  INTERNAL: async () => {
    const clock = new VirtualClock();
    const again = (): void => void clock.setTimer(0, again);
    again();
    return { error: await failureOf(clock.advance(1)), names: ['0 ms'] };
  },
};
