import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { before, describe, it } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { isNetworkError } from '../../src/base/errors.js';
import { MutualTls, type MutualTlsOptions, namesOf, provedNames } from '../../src/network/mutual-tls.js';
import { assertNothingLeft } from '../leaks.js';
import { MeshAuthority, type Wanted } from './mesh-authority.js';

assertNothingLeft();

const invalid = (message: RegExp) => (error: unknown) =>
  isNetworkError(error) && error.code === 'INVALID_OPTION' && message.test(error.message);

describe('mutual TLS', () => {
  let authority: MeshAuthority;
  let other: MeshAuthority;
  let a: MutualTlsOptions;
  let b: MutualTlsOptions;
  before(async () => {
    authority = await MeshAuthority.create();
    other = await MeshAuthority.create('other');
    a = await authority.node('a');
    b = await authority.node('b');
  });

  const make = (options: Partial<MutualTlsOptions>) => () => new MutualTls('a', { ...a, ...options }, Date.now());

  it('names what is wrong with its options', async () => {
    assert.throws(make({ key: 'x' }), invalid(/^tls\.key: it is no private key in PEM/));
    assert.throws(make({ key: a.cert }), invalid(/^tls\.key: it is no private key in PEM/));
    assert.throws(make({ key: b.key }), invalid(/^tls\.key: it is not the key of tls\.cert/));
    assert.throws(make({ cert: '' }), invalid(/^tls\.cert: there is no certificate in PEM in it/));
    assert.throws(make({ ca: a.key }), invalid(/^tls\.ca: there is no certificate/));
    const torn = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    assert.throws(make({ ca: torn }), invalid(/^tls\.ca: a certificate in it cannot be read/));
    assert.throws(make(b), invalid(/^tls\.cert: it is for b, not for a/));
    assert.throws(make({ ca: other.pem }), invalid(/^tls\.cert: no certificate of tls\.ca has signed it/));
    const old = await authority.issue({ commonName: 'a', fromDays: -3, toDays: -1 });
    assert.throws(make(old), invalid(/^tls\.cert: it was valid until/));
    const early = await authority.issue({ commonName: 'a', fromDays: 1, toDays: 2 });
    assert.throws(make(early), invalid(/^tls\.cert: it is valid from .* not yet/));
    const nobody = await authority.issue({ dns: ['*.example.com'] });
    assert.throws(make(nobody), invalid(/^tls\.cert: it is for no node, not for a/));
  });

  it('takes PEM as bytes, and a chain', () => {
    const bytes = { key: Buffer.from(a.key), cert: Buffer.from(a.cert), ca: Buffer.from(a.ca) };
    assert.doesNotThrow(make(bytes));
    assert.doesNotThrow(make({ cert: `${a.cert}\n${authority.pem}`, ca: `${other.pem}\n${authority.pem}` }));
  });

  describe('the names of a certificate', () => {
    const cases: readonly { readonly title: string; readonly wanted: Wanted; readonly names: readonly string[] }[] = [
      { title: 'the common name', wanted: { commonName: 'a' }, names: ['a'] },
      { title: 'DNS names', wanted: { dns: ['b', 'C.example'] }, names: ['b', 'c.example'] },
      { title: 'both', wanted: { commonName: 'a', dns: ['b'] }, names: ['a', 'b'] },
      { title: 'none that no node can have', wanted: { commonName: 'No Node', dns: ['*.a', '*'] }, names: [] },
      { title: 'no URI', wanted: { commonName: 'a', uris: ['http://b'] }, names: ['a'] },
      { title: 'no DNS name that is inside a URI', wanted: { uris: ['http://x, DNS:root, y'] }, names: [] },
      { title: 'what follows such a URI', wanted: { uris: ['u:", DNS:root'], dns: ['a'] }, names: ['a'] },
      { title: 'no two of one common name', wanted: { commonName: 'a\nCN=root' }, names: [] },
    ];
    for (const { title, wanted, names } of cases) {
      it(`are ${title}`, async () => {
        const { cert } = await authority.issue(wanted);
        assert.deepEqual([...namesOf(new X509Certificate(cert))], names);
      });
    }
  });

  describe('between two ends', () => {
    interface Meeting {
      readonly server: MutualTlsOptions;
      /** @default b */
      readonly as?: string;
      /** undefined: it shows no certificate. */
      readonly client: MutualTlsOptions | undefined;
      readonly optional?: boolean;
    }

    /** What each end has learned of the other: names, or why not. */
    async function meet(meeting: Meeting): Promise<{ server: string; client: string }> {
      const { server: shown, as = 'b', client, optional } = meeting;
      const tls = new MutualTls(as, shown, Date.now());
      const server = createServer(tls.server(optional));
      const served = new Promise<string>((resolve) => {
        server.once('secureConnection', (socket: TLSSocket) => {
          resolve([...provedNames(socket)].join(', '));
          socket.on('error', () => {});
          socket.end('hello');
        });
        server.once('tlsClientError', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        // Node tells nobody of a client whose certificate it does not believe.
        server.once('connection', (socket) => socket.once('close', () => resolve('refused')));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const own = client === undefined ? { ca: [shown.ca as string] } : new MutualTls('a', client, Date.now());
      const options = own instanceof MutualTls ? own.client('b', '127.0.0.1') : own;
      const socket = connect({ host: '127.0.0.1', port, checkServerIdentity: () => undefined, ...options });
      const dialled = new Promise<string>((resolve) => {
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        socket.once('data', () => resolve([...provedNames(socket)].join(', ')));
        socket.once('close', () => resolve('closed'));
      });
      const seen = { server: await served, client: await dialled };
      socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      return seen;
    }

    it('each knows the other by name', async () => {
      assert.deepEqual(await meet({ server: b, client: a }), { server: 'a', client: 'b' });
    });

    it('a server of another authority is refused', async () => {
      const { client } = await meet({ server: await other.node('b'), client: a });
      assert.match(client, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN/);
    });

    it('a server with the certificate of another node is refused', async () => {
      const { client } = await meet({ server: await authority.node('c'), as: 'c', client: a });
      assert.equal(client, 'CLUSTER_MISMATCH');
    });

    it('a client of another authority is refused', async () => {
      const foreign = await other.node('a');
      const both = { ...foreign, ca: `${foreign.ca}\n${authority.pem}` };
      const { server } = await meet({ server: b, client: both });
      assert.equal(server, 'refused');
    });

    it('a client without a certificate is refused, unless it may go on without', async () => {
      const refused = await meet({ server: b, client: undefined });
      assert.match(refused.server, /PEER_DID_NOT_RETURN_A_CERTIFICATE/);
      const anonymous = await meet({ server: b, client: undefined, optional: true });
      assert.equal(anonymous.server, '');
      const foreign = await other.node('a');
      const unproved = { ...foreign, ca: `${foreign.ca}\n${authority.pem}` };
      assert.equal((await meet({ server: b, client: unproved, optional: true })).server, '');
      assert.equal((await meet({ server: b, client: a, optional: true })).server, 'a');
    });
  });
});
