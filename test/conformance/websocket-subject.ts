import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ListenOptions } from '../../src/network/framed/listen-options.js';
import { LoopbackAuthenticator } from '../../src/network/loopback-authenticator.js';
import { SocketAuthenticator } from '../../src/network/socket-authenticator.js';
import { WebSocketNetwork } from '../../src/network/websocket/network.js';
import type { DialOptions } from '../../src/network/websocket/options.js';
import type { NetworkWiring } from '../../src/network/wiring.js';
import type { Place, Subject } from '../../src/testing/conformance/subject.js';
import { Wires } from '../../src/testing/conformance/wires.js';
import { EchoCredentials, newAuthority, ReplaceableTls, tlsListener } from '../network/websocket-tls-nodes.js';
import { STREAMS_LOSE_NOTHING, wiredGround } from './wired-ground.js';

/** What a kind of WebSocket puts into a node's options. */
interface Flavour {
  readonly codec: 'json' | 'msgpack';
  readonly compression?: boolean;
  readonly unix?: boolean;
  listen(name: string, wires: Wires): Promise<ListenOptions>;
  dial?(): Promise<Partial<DialOptions>>;
}

/** Nobody here takes longer to answer a close, but who is not to answer at all. */
const LIMITS = { closeTimeoutMs: 100 };

function subjectOf(name: string, flavour: Flavour): Subject {
  return {
    name,
    shape: 'star',
    maxMessageBytes: 1024 * 1024,
    lacks: { loss: STREAMS_LOSE_NOTHING },
    async open() {
      const directory = flavour.unix ? await mkdtemp(path.join(tmpdir(), 'netmgr-conformance-')) : undefined;
      const wires = new Wires({ directory });
      return wiredGround(
        wires,
        (wiring, place) => make(flavour, wires, { wiring, place }),
        async () => directory && rm(directory, { recursive: true }),
      );
    },
  };
}

async function make(
  flavour: Flavour,
  wires: Wires,
  node: { readonly wiring: NetworkWiring; readonly place: Place },
): Promise<WebSocketNetwork> {
  const { wiring, place } = node;
  const { self } = wiring;
  const [target] = place.knows;
  if (target === undefined) {
    const network = new WebSocketNetwork(wiring, { listen: [await flavour.listen(self, wires)], limits: LIMITS });
    wires.listens(self, network, () => network.boundAddresses.get('at'));
    return network;
  }
  const at = await wires.address(self, target);
  const address = 'path' in at ? `unix:${at.path}` : `${at.host}:${at.port}`;
  const { codec, compression } = flavour;
  const dial = { address, codec, compression, ...(await flavour.dial?.()) };
  const network = new WebSocketNetwork(wiring, { dial, limits: LIMITS });
  wires.listens(self, network, () => undefined);
  return network;
}

const plaintext = (codec: 'json' | 'msgpack', compression = false): Flavour => ({
  codec,
  compression,
  listen: async (self, wires) => ({
    name: 'at',
    host: '127.0.0.1',
    port: wires.portOf(self),
    authenticator: new LoopbackAuthenticator(),
  }),
});

const unix: Flavour = {
  codec: 'json',
  unix: true,
  listen: async (self, wires) => ({
    name: 'at',
    path: wires.pathOf(self),
    authenticator: new SocketAuthenticator({ roles: ['collaborator'] }),
  }),
};

const tls = (): Flavour => {
  const authority = newAuthority();
  const certificate = authority.then((signer) => ReplaceableTls.by(signer));
  return {
    codec: 'msgpack',
    listen: async (self, wires) => tlsListener(await certificate, { name: 'at', port: wires.portOf(self) })[0],
    dial: async () => ({ credentials: new EchoCredentials(await authority) }),
  };
};

export const webSocketJson = (): Subject => subjectOf('websocket, json', plaintext('json'));
export const webSocketMsgpack = (): Subject => subjectOf('websocket, msgpack', plaintext('msgpack'));
export const webSocketCompressed = (): Subject => subjectOf('websocket, json+deflate', plaintext('json', true));
export const webSocketUnix = (): Subject => subjectOf('websocket, UNIX socket', unix);
export const webSocketTls = (): Subject => subjectOf('websocket, TLS', tls());
