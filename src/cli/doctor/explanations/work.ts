import type { WorkCode } from '../../../base/error-codes.js';
import type { Explanation } from './explanation.js';

export const WORK: Readonly<Record<WorkCode, Explanation>> = {
  NO_HANDLER: {
    example: "no node that is alive has a handler for 'rezise'",
    causes: ['no collaborator with that handler has joined', 'the type is mistyped', '--to names one without it'],
    next: ['netmgr nodes ls shows who handles what', 'netmgr join --on TYPE=COMMAND adds it'],
  },
  NO_TARGET: {
    example: "no node is called 'w99'",
    causes: ['nobody has joined', 'no node has that name, or fits --where', 'all that fit are draining or lost'],
    next: ['netmgr status', '--dry-run prints who would be meant'],
  },
  NOT_LEADER: {
    example: 'w1 does not lead: w2 does',
    causes: ['the node leads no longer, or does not lead yet'],
    next: [
      'ask the node that the error names as `leader` (library)',
      'if it names none, an election is under way: try again in a second',
    ],
  },
  INVALID_PAYLOAD: {
    example: "payload of 'resize': width: Invalid input: expected number, received string",
    causes: ["the payload is not what the handler's schema asks for"],
    next: ['the message says which field', 'text that begins with {, [ or " is JSON, else text; --ndjson forces JSON'],
  },
  HANDLER_FAILED: {
    example: "'sh' ended with exit code 3; stderr: resize: no such file: cat.png",
    causes: [
      'the script ended with an exit code that is not 0, or wrote more than 1 MiB to stdout',
      'the function threw',
      'what it answered cannot be sent, or does not match its own schema',
    ],
    next: ["the message has the script's last lines; the log of the node that it names has more"],
  },
  HANDLER_RETRY: {
    example: "'sh' asks to be tried again (exit code 75)",
    causes: ['the script ended with exit code 75: it cannot do it now', 'a co-process ended before it answered'],
    next: ['try again later; map does so by itself'],
  },
  OVERLOADED: {
    example: "w1 has 100 'resize' running and 10000 waiting, its limit",
    causes: [
      'more comes in than the collaborators can do, and their queues are full',
      'as many connections, devices or tokens are there as may be; the message says which',
      'wrong credentials came from this address so often that it is locked for a while',
    ],
    next: ['try again later', 'more collaborators, more --slots, or a lower rate'],
  },
};
