import { assertNothingLeft } from '../leaks.js';
import { conforms } from './conforms.js';
import { httpSubject } from './http-subject.js';

assertNothingLeft();

conforms(httpSubject('http, json', { codec: 'json' }));
