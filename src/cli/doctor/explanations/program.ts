import type { ProgramCode } from '../../../base/error-codes.js';
import type { Explanation } from './explanation.js';

export const PROGRAM: Readonly<Record<ProgramCode, Explanation>> = {
  INVALID_OPTION: {
    example: 'name: "Big Host" is not a name',
    causes: [
      'a flag, a variable or a setting has a value that it may not have',
      'a join token with a typo in it',
      'a file or directory of keys that others may read or write',
    ],
    next: ['the message names the value and what is right', 'netmgr config ls, and COMMAND --help', 'netmgr doctor'],
  },
  ADDRESS_IN_USE: {
    example: 'another program listens on 127.0.0.1:7700',
    causes: ['another leader runs here', 'another program listens on the port'],
    next: ['netmgr status', "--bind :7701 takes another port; 'ss -ltnp' shows who has this one"],
  },
  INTERNAL: {
    example: 'virtual time stands still at 0 ms: a timer re-arms itself',
    causes: ['a fault in netmgr itself', 'a test whose timer re-arms itself on a VirtualClock (library)'],
    next: ['please report it, with the lines that were printed and netmgr --version'],
  },
};
