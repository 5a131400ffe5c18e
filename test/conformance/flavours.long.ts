import { assertNothingLeft } from '../leaks.js';
import { conforms } from './conforms.js';
import { httpSubject } from './http-subject.js';
import { memorySubject } from './memory-subject.js';
import { tcpSubject } from './tcp-subject.js';
import { webSocketCompressed, webSocketMsgpack, webSocketTls, webSocketUnix } from './websocket-subject.js';

assertNothingLeft();

conforms(webSocketMsgpack());
conforms(webSocketCompressed());
conforms(webSocketUnix(), { through: 'wrapped' });
conforms(webSocketTls(), { through: 'wrapped' });
conforms(tcpSubject('tcp, msgpack', { codecs: ['msgpack'] }));
conforms(tcpSubject('tcp, compressed', { codecs: ['msgpack+deflate', 'msgpack'] }));
conforms(tcpSubject('tcp, TLS', { tls: true }), { through: 'wrapped' });
conforms(httpSubject('http, binary', {}));
conforms(httpSubject('http, compressed', { compression: true }));
conforms(httpSubject('http, TLS', { tls: true }));
for (let seed = 1; seed <= 8; seed += 1) {
  const codec = seed % 2 === 0 ? 'msgpack' : 'json+deflate';
  const faults = { latency: { kind: 'uniform', minMs: 0, maxMs: 40 * seed } } as const;
  conforms(memorySubject(`memory, ${codec}, uneven latency, seed ${seed}`, { codec, faults, seed }));
}
