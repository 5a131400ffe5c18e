import { libraryPeer } from './library.js';

/** Without TLS, as its peers are here. */
export const { name, unavailable, ask, answer, hold } = libraryPeer('netmgr', { plaintext: true });
