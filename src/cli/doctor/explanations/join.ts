import type { JoinCode } from '../../../base/error-codes.js';
import type { Explanation } from './explanation.js';

export const JOIN: Readonly<Record<JoinCode, Explanation>> = {
  HANDSHAKE_TIMEOUT: {
    example: 'no hello, or no proof that was asked for, came within 5000 ms',
    causes: [
      'something else than netmgr is at the other end',
      'a host so busy, or a line so slow, that the time did not do',
      'the proxy in front of the leader adds no PROXY header, though the leader runs with --behind-proxy',
    ],
    next: ['netmgr doctor --leader HOST:PORT says what answers there', 'try again'],
  },
  NAME_IN_USE: {
    example: 'the name w1 is held by another process: pid 4711 at 192.0.2.11:50122, joined 60 s ago, alive',
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
    example:
      '192.0.2.10:7700 is not the leader that nmtk-1-c-…-surqa5za is of: its fingerprint should be kz6rj7nf7zzv…, not m7fj7fl46nxs…',
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
    example: 'v: a message of protocol version 2, where version 1 is spoken',
    causes: ['leader and node are of versions that do not speak the same protocol', 'another program listens there'],
    next: ['netmgr --version on both hosts; install the same'],
  },
  NOT_ALLOWED: {
    example:
      "the token surqa5za is used up: it was for one device; ask for a new one: netmgr invite create, on the leader's host",
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
    example: 'an operator removed w10 from the cluster; this process may not come back',
    causes: ["an operator said 'netmgr nodes evict'"],
    next: ["ask who did, and why. To let it in again: 'netmgr nodes forget NAME', then join with a new token"],
  },
};
