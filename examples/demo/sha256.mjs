// A handler in JavaScript: `netmgr join --handlers FILE` takes the functions of the default export, by message type.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

export default {
  /** The payload is a path; the signal fires when the caller gave up. */
  async sha256(path, { signal }) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash, { signal });
    return hash.digest('hex');
  },
};
