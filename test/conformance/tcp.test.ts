import { assertNothingLeft } from '../leaks.js';
import { conforms } from './conforms.js';
import { tcpSubject } from './tcp-subject.js';

assertNothingLeft();

conforms(tcpSubject('json'));
conforms(tcpSubject('msgpack'), { through: 'bare' });
conforms(tcpSubject('msgpack+deflate', 'msgpack'), { through: 'bare' });
