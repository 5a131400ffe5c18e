import { libraryPeer } from './library.js';

/** As it is by default. */
export const { name, unavailable, ask, answer, hold } = libraryPeer('netmgr-tls', { plaintext: false });
