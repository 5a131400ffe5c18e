import { assertNothingLeft } from '../leaks.js';
import { conforms } from './conforms.js';
import { webSocketJson } from './websocket-subject.js';

assertNothingLeft();

conforms(webSocketJson());
