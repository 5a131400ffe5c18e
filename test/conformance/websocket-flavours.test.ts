import { assertNothingLeft } from '../leaks.js';
import { conforms } from './conforms.js';
import { webSocketCompressed, webSocketMsgpack, webSocketTls, webSocketUnix } from './websocket-subject.js';

assertNothingLeft();

for (const subject of [webSocketMsgpack(), webSocketCompressed(), webSocketUnix(), webSocketTls()]) {
  conforms(subject, { through: 'bare' });
}
