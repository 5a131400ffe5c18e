import type { ErrorCode } from '../../base/errors.js';

export interface Explanation {
  /** What is usually behind it, the likeliest first. */
  readonly causes: readonly string[];
  /** What to do, the first thing first. */
  readonly next: readonly string[];
}

/** Every way to fail, for somebody who meets it at night. What a code means in a sentence is `summaryOf`. */
export const EXPLANATIONS: Readonly<Record<ErrorCode, Explanation>> = {
  CONNECTION_FAILED: {
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
    causes: ['the process at the other end was stopped or killed', 'the network between the two broke'],
    next: [
      'whether the work was done is not known: look before you repeat what must not be done twice',
      "netmgr status shows who is lost; the other end's log says why it ended",
    ],
  },
  UNREACHABLE: {
    causes: ['the node has just lost its connection, and dials again', 'the name is mistyped'],
    next: ['netmgr nodes ls', 'try again in a few seconds, or let the leader pick a node: leave --to out'],
  },
  NO_ADDRESS: {
    causes: [
      'the address book of a TcpNetwork or HttpNetwork has no entry for the node (library)',
      'the name is mistyped',
    ],
    next: ['add it: `addresses` of the network, or `network.addresses.set(node, address)`'],
  },
  PARTITIONED: {
    causes: ['a partition that a test put between two nodes of an InMemoryNetwork, with `reject` (library)'],
    next: [
      '`healPartition`, or `calm`, lets everything pass again',
      'the message was not sent: it can be sent again, or to another node',
    ],
  },
  NODE_FAILED: {
    causes: ['a node that a test let fail on an InMemoryNetwork, with `reject` (library)'],
    next: ['`recoverNode`, or `calm`, brings it back', 'the message was not sent: it can go to another node'],
  },
  SEND_FAILED: {
    causes: ['the connection broke in the moment of sending'],
    next: ['try again; netmgr status shows whether the leader is there'],
  },
  RECEIVE_FAILED: {
    causes: ['the connection broke while an answer was arriving', 'a proxy in between cut the answer short'],
    next: [
      'whether the work was done is not known: look before you repeat what must not be done twice',
      "the message names the peer; its log, and the proxy's, say more",
    ],
  },
  BACKPRESSURE: {
    causes: ['the receiver is slower than the sender for long', 'one very large message keeps the connection busy'],
    next: ['send more slowly, or wait for `drained` (library)', 'more collaborators, or more slots'],
  },
  SLOW_PEER: {
    causes: ['a process that hangs or is stopped (SIGSTOP, a debugger)', 'a network that loses nearly everything'],
    next: ['on that host: is the process running, and is its loop free? netmgr status NODE shows the lag'],
  },
  TIMEOUT: {
    causes: [
      'the handler takes longer than --timeout (5s by default)',
      'the node is busy: its slots are full',
      'the node hangs, and is not yet known to be lost',
    ],
    next: ['--timeout 60s', 'netmgr status NODE: busy slots, loop lag, when it was last seen'],
  },
  RETRIES_EXHAUSTED: {
    causes: [
      'the node, or the way to it, has been down for longer than all tries took',
      'so much fails that the retry budget is used up, or the caller had no time left for another try',
    ],
    next: [
      'the message has the last failure: explain its code',
      'maxRetries, maxTimeout and budget of ReliableNetwork (library)',
    ],
  },
  CIRCUIT_OPEN: {
    causes: ['the last requests to this node failed: it is down, hangs, or is overloaded'],
    next: [
      'the message says when it is asked again; nothing has to be done for that',
      "why it failed: the codes of the requests before, and the node's own log",
    ],
  },
  CANCELLED: {
    causes: ['Ctrl-C, or a signal from a supervisor', 'an AbortSignal of the caller (library)'],
    next: ['nothing is wrong'],
  },
  STOPPED: {
    causes: ['the node was being stopped while something was asked of it', 'a call before start() (library)'],
    next: ['start it again; await the start before the first call'],
  },
  IO: {
    causes: ['a disk that is full or broken', 'a file or directory that this user may not use'],
    next: ['df -h, and the mode of the file that the message names', 'netmgr doctor checks the state directory'],
  },
  HANDSHAKE_TIMEOUT: {
    causes: [
      'something else than netmgr listens at that address',
      'a host so busy, or a line so slow, that 5 s did not do',
      'the proxy in front of the leader adds no PROXY header, though the leader runs with --behind-proxy',
    ],
    next: ['netmgr doctor --leader HOST:PORT says what answers there', 'try again'],
  },
  NAME_IN_USE: {
    causes: [
      'another process has joined under this name',
      'the name belongs to another key: a node that was removed, or one whose state directory was lost',
    ],
    next: [
      '--name NAME chooses another',
      "if the name is to be this node's: 'netmgr nodes forget NAME' on the leader's host, then join with a new token",
    ],
  },
  CLUSTER_MISMATCH: {
    causes: [
      'the address, or the token, is that of another cluster',
      "the leader's state directory was lost, so it has made itself a new authority",
      'somebody poses as the leader',
    ],
    next: [
      "compare: 'netmgr ca show' on the leader's host, and netmgr doctor here",
      "a new token: 'netmgr invite create' on the leader's host; it replaces what this node knew before",
    ],
  },
  VERSION_MISMATCH: {
    causes: ['leader and node are of versions that do not speak the same protocol', 'another program listens there'],
    next: ['netmgr --version on both hosts; install the same'],
  },
  NOT_ALLOWED: {
    causes: [
      'a token that is expired, used up or revoked',
      'a key that the leader does not know: its name was forgotten, or the leader lost its state',
      'the role may not do it: observers only look, collaborators call others only with --can-submit',
      'a clock that is so wrong that the certificate seems expired or not yet valid',
    ],
    next: [
      "a new token: 'netmgr invite create' on the leader's host; --role operator for operators",
      'netmgr doctor compares the clocks',
      "the leader's log has the reason, with the id of the token or key",
    ],
  },
  EVICTED: {
    causes: ["an operator said 'netmgr nodes evict'"],
    next: ["ask who did, and why. To let it in again: 'netmgr nodes forget NAME', then join with a new token"],
  },
  SERIALIZATION: {
    causes: ['a value that JSON has no form for: a function, a circle, a BigInt, NaN'],
    next: ['send plain values; bytes as Uint8Array'],
  },
  DESERIALIZATION: {
    causes: [
      'another program speaks to the port',
      'the two versions differ',
      'a proxy that changes what passes through',
    ],
    next: ['netmgr --version on both hosts', 'take the proxy away, or let it pass TCP through'],
  },
  INVALID_MESSAGE: {
    causes: ['a client of your own that breaks a rule of docs/protocol.md', 'the two versions differ'],
    next: ['the message names the field and its rule'],
  },
  TOO_LARGE: {
    causes: ['a payload over 1 MiB', 'a script that wrote more than 1 MiB to stdout'],
    next: ['send a path or an address of what is large', 'limits.maxFrameBytes up to 16 MiB (library)'],
  },
  FLOOD: {
    causes: [
      'a peer that breaks the protocol again and again',
      'heartbeats without measure, from a client of your own',
    ],
    next: ['the counters in netmgr status --json tell which limit it was; docs/limits.md describes it'],
  },
  NO_HANDLER: {
    causes: ['no collaborator with that handler has joined', 'the type is mistyped', '--to names one without it'],
    next: ['netmgr nodes ls shows who handles what', 'netmgr join --on TYPE=COMMAND adds it'],
  },
  NO_TARGET: {
    causes: ['nobody has joined', 'no node has that name, or fits --where', 'all that fit are draining or lost'],
    next: ['netmgr status', '--dry-run prints who would be meant'],
  },
  NOT_LEADER: {
    causes: ['the node leads no longer, or does not lead yet'],
    next: [
      'ask the node that the error names as `leader`; a NetworkClient does so by itself (library)',
      'if it names none, an election is under way: try again in a second',
    ],
  },
  INVALID_PAYLOAD: {
    causes: ["the payload is not what the handler's schema asks for"],
    next: ['the message says which field', 'text that begins with {, [ or " is JSON, else text; --ndjson forces JSON'],
  },
  HANDLER_FAILED: {
    causes: ['the script ended with an exit code that is not 0', 'the function threw'],
    next: ["the message has the script's last lines; the log of the node that it names has more"],
  },
  HANDLER_RETRY: {
    causes: ['the script ended with exit code 75: it cannot do it now'],
    next: ['try again later; map does so by itself'],
  },
  OVERLOADED: {
    causes: ['more comes in than the collaborators can do, and their queues are full'],
    next: ['try again later', 'more collaborators, more --slots, or a lower rate'],
  },
  INVALID_OPTION: {
    causes: [
      'a flag, a variable or a setting has a value that it may not have',
      'a join token with a typo in it',
      'a file or directory of keys that others may read or write',
    ],
    next: ['the message names the value and what is right', 'netmgr config ls, and COMMAND --help', 'netmgr doctor'],
  },
  ADDRESS_IN_USE: {
    causes: ['another leader runs here', 'another program listens on the port'],
    next: ['netmgr status', "--bind :7701 takes another port; 'ss -ltnp' shows who has this one"],
  },
  INTERNAL: {
    causes: ['a fault in netmgr itself'],
    next: ['please report it, with the lines that were printed and netmgr --version'],
  },
};
