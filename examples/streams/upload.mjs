// A file goes to another node, over a connection that is cut on the way.  Run: node examples/streams/upload.mjs
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Endpoint, NetworkError, payloadOf, TcpNetwork } from 'netmgr';

const MIB = 1024 * 1024;
const directory = await mkdtemp(join(tmpdir(), 'upload-'));
const [original, copy] = [join(directory, 'original'), join(directory, 'copy')];
await writeFile(original, randomBytes(16 * MIB));

// The node that takes it.
const network = new TcpNetwork({ self: 'storage' }, { listen: [{ host: '127.0.0.1', port: 0 }] });
const storage = new Endpoint({ network });
let isCut = false;
storage.handle({
  async handle(_message, { body }) {
    const file = await open(copy, 'w');
    for await (const piece of body) {
      await file.write(piece);
      if (isCut || body.takenBytes < MIB) continue;
      isCut = true;
      storage.disconnect('client', new NetworkError('CLOSED', 'cut on purpose'));
    }
    await file.close();
    return body.finished; // { size, sha256 }, checked when the last byte had come
  },
});
await storage.start();

// The node that sends it: a file can be read again, from any byte on.
const addresses = new Map([['storage', `127.0.0.1:${network.boundAddresses.get('tcp').port}`]]);
const client = new Endpoint({ network: new TcpNetwork({ self: 'client' }, { addresses }) });
await client.start();
const reads = [];
const body = {
  size: (await stat(original)).size,
  read(offset) {
    reads.push(offset);
    return createReadStream(original, { start: offset, highWaterMark: 256 * 1024 });
  },
};
const answer = await client.request({ type: 'store', to: 'storage', body });

console.log(`${payloadOf(answer).size / MIB} MiB have arrived, ${(await stat(copy)).size / MIB} are in the file`);
console.log(`it was read ${reads.length} times, at first from byte ${reads[0]}`);
console.log(`then it went on where it was: ${reads[1] >= MIB}`);

await Promise.all([client.stop(), storage.stop()]);
await rm(directory, { recursive: true });
