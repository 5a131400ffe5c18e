import { assertNothingLeft } from '../leaks.js';
import { conforms } from './conforms.js';
import { webSocketMsgpack, webSocketTls, webSocketUnix } from './websocket-subject.js';

assertNothingLeft();

for (const subject of [webSocketMsgpack(), webSocketUnix(), webSocketTls()]) conforms(subject, { through: 'bare' });
