import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  advertisedAddress,
  isOfThisHost,
  leaderAddress,
  listenHost,
  parseAdvertised,
  parseBind,
  requireLoopback,
} from '../../src/cli/address.js';

test('an address means TLS unless it says otherwise, and plaintext is for this host only', () => {
  const table: readonly (readonly [string, boolean, string, boolean])[] = [
    ['h', false, 'wss://h:7700', false],
    ['h:1', false, 'wss://h:1', false],
    ['wss://h:1', false, 'wss://h:1', false],
    ['WSS://[::1]:1/', false, 'wss://[::1]:1', false],
    ['ws://127.0.0.1:1', false, 'ws://127.0.0.1:1', true],
    ['localhost:1', true, 'ws://localhost:1', true],
    ['ws://[::1]:1', true, 'ws://[::1]:1', true],
    ['unix:/s', true, 'unix:/s', false],
  ];
  for (const [text, plaintext, url, plain] of table) {
    assert.deepEqual(leaderAddress(text, plaintext), { url, plaintext: plain }, text);
  }
  for (const text of ['ws://192.0.2.1:1', 'ws://h:1']) assert.throws(() => leaderAddress(text), { exitCode: 78 });
  assert.throws(() => leaderAddress('192.0.2.1:1', true), { exitCode: 78 });
  assert.throws(() => leaderAddress('wss://127.0.0.1:1', true), { exitCode: 2 });
  for (const text of ['', 'http://h', 'wss://', 'wss:///h', 'h:0']) {
    assert.throws(() => leaderAddress(text), { code: 'INVALID_OPTION' }, text);
  }
});

const v4 = { address: '192.0.2.10', family: 'IPv4', internal: false };
const v6 = { address: '2001:db8::1', family: 'IPv6', internal: false };
const link = { address: 'fe80::1', family: 'IPv6', internal: false };
const loop4 = { address: '127.0.0.1', family: 'IPv4', internal: true };
const loop6 = { address: '::1', family: 'IPv6', internal: true };

test('a leader listens on all interfaces unless told otherwise', () => {
  assert.deepEqual(parseBind(':7701'), { host: '', port: 7701 });
  assert.deepEqual(parseBind('[::1]'), { host: '::1', port: 7700 });
  assert.equal(listenHost({ host: '', port: 1 }, [loop4, loop6]), '::');
  assert.equal(listenHost({ host: '', port: 1 }, [loop4, v4]), '0.0.0.0');
  assert.equal(listenHost({ host: '10.0.0.1', port: 1 }, [loop4, loop6]), '10.0.0.1');
  for (const host of ['', '0.0.0.0', 'h', '192.0.2.1']) {
    assert.throws(() => requireLoopback({ host, port: 1 }), { exitCode: 78 }, host);
  }
  for (const host of ['127.0.0.1', '::1', 'localhost', '127.9.9.9']) requireLoopback({ host, port: 1 });
});

test('it advertises the address that other hosts reach', () => {
  const machine = (...interfaces: (typeof v4)[]) => ({ interfaces, hostName: 'big.example' });
  const all = { host: '', port: 0 };
  const table: readonly (readonly [string, ReturnType<typeof advertisedAddress>])[] = [
    ['wss://192.0.2.10:5', advertisedAddress(all, machine(loop4, loop6, link, v6, v4), undefined)],
    ['wss://[2001:db8::1]:5', advertisedAddress(all, machine(loop4, link, v6), undefined)],
    ['wss://big.example:5', advertisedAddress(all, machine(loop4, link), undefined)],
    ['wss://192.0.2.10:5', advertisedAddress({ host: '0.0.0.0', port: 5 }, machine(v4), undefined)],
    ['wss://127.0.0.1:5', advertisedAddress({ host: '127.0.0.1', port: 5 }, machine(v4), undefined)],
    ['wss://lead.example:5', advertisedAddress(all, machine(v4), parseAdvertised('lead.example'))],
    ['wss://lead.example:443', advertisedAddress(all, machine(v4), parseAdvertised('wss://lead.example:443'))],
    ['wss://[2001:db8::2]:5', advertisedAddress(all, machine(v4), parseAdvertised('[2001:db8::2]'))],
    ['wss://[2001:db8::2]:6', advertisedAddress(all, machine(v4), parseAdvertised('[2001:db8::2]:6'))],
  ];
  for (const [address, advertised] of table) assert.equal(advertised(5), address);
  for (const text of ['', 'a b', 'unix:/s', 'h:99999']) assert.throws(() => parseAdvertised(text), Error, text);
});

test("an address is this host's leader's if the port is, and the host any of this machine's names", () => {
  const machine = { hostName: 'Box', interfaces: [v4] };
  const own = 'wss://lead.example:7700';
  for (const url of [own, 'wss://127.0.0.1:7700', 'wss://localhost:7700', 'wss://192.0.2.10:7700', 'wss://box:7700']) {
    assert.equal(isOfThisHost(url, own, machine), true, url);
  }
  for (const url of ['wss://127.0.0.1:7701', 'wss://192.0.2.11:7700', 'wss://other:7700']) {
    assert.equal(isOfThisHost(url, own, machine), false, url);
  }
});
