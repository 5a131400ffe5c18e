import { assertNothingLeft } from '../leaks.js';
import { conforms } from './conforms.js';
import { webSocketJson, webSocketTls, webSocketUnix } from './websocket-subject.js';

assertNothingLeft();

conforms(webSocketJson());
conforms(webSocketUnix(), 'bare');
conforms(webSocketTls(), 'bare');
