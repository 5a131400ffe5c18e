import type { MessageCode } from '../../../base/error-codes.js';
import type { Explanation } from './explanation.js';

export const MESSAGE: Readonly<Record<MessageCode, Explanation>> = {
  SERIALIZATION: {
    example: 'payload.list[1].size: a bigint has no JSON form; send it as a string',
    causes: ['a value that JSON has no form for: a function, a circle, a BigInt, NaN'],
    next: ['the message names the place; send plain values, bytes as Uint8Array'],
  },
  DESERIALIZATION: {
    example: "not JSON: expected a key at byte 16, found 'o'",
    causes: [
      'another program speaks to the port',
      'the two versions differ',
      'a proxy that changes what passes through',
    ],
    next: ['netmgr --version on both hosts', 'take the proxy away, or let it pass TCP through'],
  },
  INVALID_MESSAGE: {
    example: 'ttl: -5 is not an integer of milliseconds from 1 to 604800000',
    causes: ['a client of your own that breaks a rule of docs/protocol.md', 'the two versions differ'],
    next: ['the message names the field and its rule'],
  },
  TOO_LARGE: {
    example: "the message 'resize' is larger than w1 accepts in one frame",
    causes: ['a payload over 1 MiB', 'more depth or more keys than a payload may have: 64, and 10,000'],
    next: ['send a path or an address of what is large', 'limits.maxFrameBytes up to 16 MiB (library)'],
  },
  FLOOD: {
    example: 'w13 was told to send a heartbeat every 2000 ms and sends far more',
    causes: [
      'a peer that breaks the protocol again and again',
      'heartbeats without measure, from a client of your own',
    ],
    next: ['the counters in netmgr status --json tell which limit it was; docs/limits.md describes it'],
  },
};
