import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, isLoopback, parseAddress } from '../../src/network/address.js';
import type { AuthenticationChannel, Hello } from '../../src/network/authenticator.js';
import { LoopbackAuthenticator } from '../../src/network/loopback-authenticator.js';
import { SocketAuthenticator } from '../../src/network/socket-authenticator.js';
import { resolveOptions, type WebSocketNetworkOptions } from '../../src/network/websocket/options.js';

const ADDRESSES: readonly (readonly [string, string])[] = [
  ['leader.example', 'leader.example:7700'],
  ['192.0.2.1:80', '192.0.2.1:80'],
  ['ws://host-1:7701', 'host-1:7701'],
  ['WS://host-1:7701/', 'host-1:7701'],
  ['wss://leader.example', 'wss://leader.example:7700'],
  ['WSS://[::1]:80/', 'wss://[::1]:80'],
  ['[::1]', '[::1]:7700'],
  ['ws://[2001:db8::1]:9', '[2001:db8::1]:9'],
  ['unix:/run/netmgr/s', 'unix:/run/netmgr/s'],
  ['unix:///run/s', 'unix:/run/s'],
  [String.raw`unix:\\.\pipe\netmgr-0`, String.raw`unix:\\.\pipe\netmgr-0`],
];

test('addresses are read in every form that is documented', () => {
  for (const [text, expected] of ADDRESSES) assert.equal(formatAddress(parseAddress(text)), expected, text);
});

test('what is no address is refused with the value and the forms', () => {
  const wrong = [
    '',
    ':80',
    'a b',
    'host:0',
    'host:70000',
    'host:x',
    '::1',
    '[::g]',
    'wss://host/path',
    'wss:host',
    'http://host',
    'ws://host/path',
    'unix:',
    'unix:relative',
    String.raw`unix:\\host\share`,
    'unix:/nul\0byte',
    'user@host',
    '-x',
    'host:1:2',
    'x'.repeat(300),
  ];
  for (const text of wrong) {
    assert.throws(
      () => parseAddress(text),
      (error: Error & { code: string; hint?: string }) => {
        assert.equal(error.code, 'INVALID_OPTION');
        assert.ok(error.message.includes(JSON.stringify(text.slice(0, 100)).slice(0, -1)), error.message);
        assert.match(error.hint ?? '', /HOST:PORT.*unix:/);
        return true;
      },
      text,
    );
  }
});

test('loopback is 127/8 and ::1, mapped or not, with a port or without', () => {
  for (const text of ['127.0.0.1:5', '127.9.9.9', '[::1]:80', '::1', '::ffff:127.0.0.1', '[::ffff:127.0.0.1]:5']) {
    assert.equal(isLoopback(text), true, text);
  }
  for (const text of [
    '128.0.0.1:5',
    '[::2]:80',
    '10.0.0.1',
    '127.evil.example',
    'localhost',
    '',
    '[2001:db8::127.0.0.1]:1',
  ]) {
    assert.equal(isLoopback(text), false, text);
  }
});

const hello = (role: Hello['role']): Hello => ({
  node: 'n',
  role,
  cluster: undefined,
  instance: 'i',
  version: '1',
  greeting: {},
});

const channel = (transport: AuthenticationChannel['transport'], address: string): AuthenticationChannel => ({
  transport,
  address,
  binding: undefined,
  read: () => Promise.reject(new Error('nothing to read')),
  write: () => {},
});

test('plaintext is granted to loopback addresses and to the roles of the list only', async () => {
  const authenticator = new LoopbackAuthenticator();
  const local = channel('tcp', '127.0.0.1:5000');
  assert.deepEqual(await authenticator.authenticate(hello('collaborator'), local), {
    node: 'n',
    role: 'collaborator',
    maySubmit: true,
  });
  await assert.rejects(authenticator.authenticate(hello('operator'), local), {
    code: 'NOT_ALLOWED',
    message: /operator.*UNIX socket/,
  });
  for (const elsewhere of [channel('tcp', '192.0.2.7:5000'), channel('unix', 'unix')]) {
    await assert.rejects(authenticator.authenticate(hello('collaborator'), elsewhere), {
      code: 'NOT_ALLOWED',
      message: /loopback addresses only/,
    });
  }
  const generous = new LoopbackAuthenticator({ roles: ['operator'] });
  assert.equal((await generous.authenticate(hello('operator'), local)).role, 'operator');
});

test('a UNIX socket grants operators and observers, unless told otherwise', async () => {
  const authenticator = new SocketAuthenticator();
  for (const role of ['operator', 'observer'] as const) {
    const identity = await authenticator.authenticate(hello(role), channel('unix', 'unix'));
    assert.deepEqual(identity, { node: 'n', role, maySubmit: role === 'operator' });
  }
  for (const role of ['leader', 'collaborator'] as const) {
    await assert.rejects(authenticator.authenticate(hello(role), channel('unix', 'unix')), {
      code: 'NOT_ALLOWED',
      message: new RegExp(role),
    });
  }
  await assert.rejects(authenticator.authenticate(hello('operator'), channel('tcp', '127.0.0.1:1')), {
    code: 'NOT_ALLOWED',
  });
});

const authenticator = new SocketAuthenticator();
const WRONG: readonly { options: WebSocketNetworkOptions; names: RegExp }[] = [
  { options: { listen: [{ name: 'a', host: '::', port: 65_536, authenticator }] }, names: /listen\[0\]\.port .*65536/ },
  { options: { listen: [{ name: '', host: '::', port: 0, authenticator }] }, names: /listen\[0\]\.name/ },
  {
    options: { listen: [{ name: 'a', path: '/s', authenticator, compression: 'gzip' as never }] },
    names: /listen\[0\]\.compression must be true or false, not "gzip"/,
  },
  {
    options: { dial: { address: 'h', compression: 1 as never } },
    names: /dial\.compression must be true or false, not 1/,
  },
  { options: { dial: { address: 'h', codec: 'json+deflate' as never } }, names: /dial\.codec .*"json\+deflate"/ },
  {
    options: {
      listen: [
        { name: 'a', host: '::', port: 0, authenticator },
        { name: 'a', path: '/s', authenticator },
      ],
    },
    names: /listen\[1\]\.name .*"a"/,
  },
  { options: { listen: [{ name: 'a', path: 's', authenticator }] }, names: /listen\[0\]\.path/ },
  { options: { dial: { address: 'no address' } }, names: /"no address"/ },
  { options: { dial: { address: 'h', dialTimeoutMs: 0 } }, names: /dial\.dialTimeoutMs/ },
  { options: { dial: { address: 'h', retry: { forMs: -1 } } }, names: /dial\.retry\.forMs/ },
  { options: { limits: { maxFrameBytes: 17 * 1024 * 1024 } }, names: /limits\.maxFrameBytes .*16 MiB/ },
  { options: { limits: { maxBatch: 5000 } }, names: /limits\.maxBatch/ },
  { options: { limits: { stallMs: Number.NaN } }, names: /limits\.stallMs/ },
];

test('an option that is wrong is named', () => {
  for (const { options, names } of WRONG) {
    assert.throws(() => resolveOptions(options), { code: 'INVALID_OPTION', message: names });
  }
});
