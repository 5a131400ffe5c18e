import type { ConnectionCode } from '../../../base/error-codes.js';
import type { Explanation } from './explanation.js';

export const CONNECTION: Readonly<Record<ConnectionCode, Explanation>> = {
  CONNECTION_FAILED: {
    example: 'cannot connect to 127.0.0.1:7700: nobody listens there',
    causes: [
      'no leader runs at that address, or it listens on loopback only (--bind 127.0.0.1)',
      'a firewall between the two hosts, or a port that is not 7700',
      'one side speaks TLS and the other plaintext (ws:// or --plaintext)',
      'the leader runs with --behind-proxy, and is dialled past its proxy',
    ],
    next: [
      "on the leader's host: netmgr status",
      'from here: netmgr doctor --leader HOST:PORT',
      'a collaborator keeps dialling by itself; --retry-for says for how long',
    ],
  },
  CLOSED: {
    example: 'w2 was lost before it answered',
    causes: ['the process at the other end was stopped or killed', 'the network between the two broke'],
    next: ["netmgr status shows who is lost; the other end's log says why it ended"],
  },
  UNREACHABLE: {
    example: 'w3 is not connected',
    causes: ['the node has just lost its connection, and dials again', 'it is shutting down', 'the name is mistyped'],
    next: ['netmgr nodes ls', 'try again in a few seconds, or let the leader pick a node: leave --to out'],
  },
  NO_ADDRESS: {
    example: 'no address is known for b: a has no entry for it, or one that is no address',
    causes: ['the address book of a TcpNetwork or HttpNetwork has no such node (library)', 'the name is mistyped'],
    next: ["add it: the network's option `addresses`, or its `addresses.set(node, address)`"],
  },
  PARTITIONED: {
    example: 'there is a partition between a and b',
    causes: ['a partition that a test put between two nodes of an InMemoryNetwork, with `reject` (library)'],
    next: ['`healPartition`, or `calm`, lets everything pass again'],
  },
  NODE_FAILED: {
    example: 'b has failed, or a has',
    causes: ['a node that a test let fail on an InMemoryNetwork, with `reject` (library)'],
    next: ['`recoverNode`, or `calm`, brings it back'],
  },
  SEND_FAILED: {
    example: 'the connection to b (http://127.0.0.1:8001) ended while the request was being sent: ECONNRESET',
    causes: [
      'the other process ended, or was killed, before it had read all of the message',
      'a proxy in between that takes no bodies of this size',
    ],
    next: [
      'send it again: nothing was done',
      "if it stays so: the other node's log says whether it is up, and why it ends",
    ],
  },
  RECEIVE_FAILED: {
    example: 'the answer of b (http://127.0.0.1:8001) broke off: ECONNRESET',
    causes: ['the connection broke while an answer was arriving', 'a proxy in between cut the answer short'],
    next: ["the message names the peer; its log, and the proxy's, say more"],
  },
  BACKPRESSURE: {
    example: 'the queue to w4 is full; it reads more slowly than we write',
    causes: ['the receiver is slower than the sender for long', 'one very large message keeps the connection busy'],
    next: ['send more slowly, or wait for `drained` (library)', 'more collaborators, or more slots'],
  },
  SLOW_PEER: {
    example: 'w5 (127.0.0.1:50122) acknowledged none of 65913 bytes for 10000 ms',
    causes: ['a process that hangs or is stopped (SIGSTOP, a debugger)', 'a network that loses nearly everything'],
    next: ['on that host: is the process running, and is its loop free? netmgr status NODE shows the lag'],
  },
  TIMEOUT: {
    example: "no answer to 'resize' from w1 within 5000 ms",
    causes: [
      'the handler takes longer than --timeout (5s by default)',
      'the node is busy: its slots are full',
      'the node hangs, and is not yet known to be lost',
    ],
    next: ['netmgr status NODE: busy slots, loop lag, when it was last seen', '--timeout 60s waits longer'],
  },
  RETRIES_EXHAUSTED: {
    example: "'get' to db failed after 3 tries (no more are allowed): db is not connected",
    causes: [
      'the node, or the way to it, has been down for longer than all tries took',
      'so much fails that the retry budget is used up, or the caller had no time left for another try',
    ],
    next: [
      'the message ends with the last failure: explain its code, `lastError.code`',
      'maxRetries, maxTimeout and budget of ReliableNetwork (library)',
    ],
  },
  CIRCUIT_OPEN: {
    example: 'db failed too often: it is not asked for another 1000 ms',
    causes: ['the last requests to this node failed: it is down, hangs, or is overloaded'],
    next: [
      'the message says when it is asked again; nothing has to be done for that',
      "why it failed: the codes of the requests before, and the node's own log",
    ],
  },
  CANCELLED: {
    example: "the caller gave up on 'resize'",
    causes: ['Ctrl-C, or a signal from a supervisor', 'an AbortSignal of the caller (library)'],
    next: ['nothing is wrong'],
  },
  STOPPED: {
    example: 'leader was stopped',
    causes: ['the node was being stopped while something was asked of it', 'a call before start() (library)'],
    next: ['start it again; await the start before the first call'],
  },
  IO: {
    example: "cannot prepare the socket /run/netmgr/leader.sock: EEXIST: file already exists, mkdir '/run/netmgr'",
    causes: ['a disk that is full or broken', 'a file or directory that this user may not use'],
    next: ['df -h, and the mode of the file that the message names', 'netmgr doctor checks the state directory'],
  },
};
