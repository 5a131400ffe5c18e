import assert from 'node:assert/strict';
import { type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemRandom } from '../../src/base/random.js';
import { Authority } from '../../src/security/certificates/authority.js';
import { generateKey, makeCertificate } from '../../src/security/certificates/certificate-maker.js';
import { publicKeyOf, readKey } from '../../src/security/certificates/pem.js';
import { formatToken } from '../../src/security/invites/join-token.js';
import { assertNothingLeft } from '../leaks.js';
import { type Served, TlsServer } from '../security/tls-server.js';
import { missing, PythonClient } from './python-client.js';

assertNothingLeft();

const CLUSTER = 'default';
const NOW = Date.now();
const newAuthority = () => Authority.create({ cluster: CLUSTER, now: NOW });
const newLeaf = (authority: Authority) =>
  authority.issueLeaf({ cluster: CLUSTER, leader: 'leader', names: [], now: NOW });

/** What the authority would have to give to somebody who is no leader. */
async function notALeaders(authority: Authority): Promise<Served> {
  const key = generateKey();
  const certificate = await makeCertificate({
    subject: { cluster: CLUSTER, name: 'leader' },
    publicKey: publicKeyOf(key),
    issuer: {
      cluster: CLUSTER,
      name: /^CN=(.*)$/m.exec(new X509Certificate(authority.certificate).subject)?.[1] ?? '',
    },
    issuerKey: readKey(authority.toPem()) as KeyObject,
    notBefore: NOW - 60_000,
    notAfter: NOW + 3_600_000,
    use: { uris: [`netmgr:node:${CLUSTER}`], hosts: ['127.0.0.1'] },
    random: systemRandom,
  });
  return { key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), chain: certificate + authority.certificate };
}

describe('a client in Python that reaches somebody else than its leader', { skip: missing }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'netmgr-impostor-'));
  let authority: Authority;
  let token: string;

  before(async () => {
    authority = await newAuthority();
    const { fingerprint } = authority;
    token = formatToken({ role: 'collaborator', fingerprint, id: 'abcdefgh', secret: new Uint8Array(20).fill(7) });
  });

  after(() => rmSync(directory, { recursive: true }));

  /** @returns why it did not join; the impostor has been told nothing */
  async function refusalOf(served: Served): Promise<string> {
    await using impostor = await TlsServer.open(served);
    const address = `wss://127.0.0.1:${impostor.port}`;
    const client = new PythonClient({ address, name: 'snake', state: directory, token });
    assert.equal(await client.ended(), 1);
    assert.equal(impostor.received, 0);
    return client.stderr;
  }

  it('tells nothing to one with an authority of its own', async () => {
    assert.match(
      await refusalOf(await newLeaf(await newAuthority())),
      /is not the leader that the token abcdefgh is of/,
    );
  });

  it("tells nothing to one that shows the leader's authority behind a certificate of its own", async () => {
    const { key, certificate } = await newLeaf(await newAuthority());
    assert.match(await refusalOf({ key, chain: certificate + authority.certificate }), /CERTIFICATE_VERIFY_FAILED/);
  });

  it('tells nothing to one whose certificate is of the authority, but not that of a leader', async () => {
    assert.match(await refusalOf(await notALeaders(authority)), /not the leader of this cluster/);
  });
});
