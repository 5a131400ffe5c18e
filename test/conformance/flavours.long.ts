import { assertNothingLeft } from '../leaks.js';
import { conforms } from './conforms.js';
import { httpSubject } from './http-subject.js';
import { memorySubject } from './memory-subject.js';
import { tcpSubject } from './tcp-subject.js';
import {
  webSocketCompressed,
  webSocketJson,
  webSocketMsgpack,
  webSocketTls,
  webSocketUnix,
} from './websocket-subject.js';

assertNothingLeft();

conforms(webSocketJson(), 'wrapped');
conforms(webSocketMsgpack(), 'all');
conforms(webSocketCompressed(), 'all');
conforms(webSocketUnix(), 'wrapped');
conforms(webSocketTls(), 'wrapped');
conforms(tcpSubject('tcp, json', { codecs: ['json'] }), 'wrapped');
conforms(tcpSubject('tcp, msgpack', { codecs: ['msgpack'] }), 'all');
conforms(tcpSubject('tcp, compressed', { codecs: ['msgpack+deflate', 'msgpack'] }), 'all');
conforms(tcpSubject('tcp, TLS', { tls: true }), 'wrapped');
conforms(httpSubject('http, json', { codec: 'json' }), 'wrapped');
conforms(httpSubject('http, binary', {}), 'all');
conforms(httpSubject('http, compressed', { compression: true }), 'all');
conforms(httpSubject('http, TLS', { tls: true }), 'all');
for (let seed = 1; seed <= 8; seed += 1) {
  const codec = seed % 2 === 0 ? 'msgpack' : 'json+deflate';
  const faults = { latency: { kind: 'uniform', minMs: 0, maxMs: 40 * seed } } as const;
  conforms(memorySubject(`memory, ${codec}, uneven latency, seed ${seed}`, { codec, faults, seed }), 'all');
}
