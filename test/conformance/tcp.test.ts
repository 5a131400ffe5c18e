import { assertNothingLeft } from '../leaks.js';
import { conforms } from './conforms.js';
import { tcpSubject } from './tcp-subject.js';

assertNothingLeft();

conforms(tcpSubject('tcp, json', { codecs: ['json'] }));
conforms(tcpSubject('tcp, msgpack, TLS', { codecs: ['msgpack'], tls: true }), 'bare');
