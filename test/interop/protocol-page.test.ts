import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import { ERROR_CODES } from '../../src/base/errors.js';
import { DEFAULT_DECODE_LIMITS } from '../../src/message/codec.js';
import type { CodecName } from '../../src/message/codec-name.js';
import { CODECS } from '../../src/message/codecs.js';
import { jsonCodec, jsonDeflateCodec } from '../../src/message/json-codec.js';
import type { NetworkMessage } from '../../src/message/message.js';
import { closeCodeOf } from '../../src/network/websocket/close-codes.js';
import { subprotocolOf } from '../../src/network/websocket/subprotocols.js';
import { fingerprintOf } from '../../src/security/certificates/pem.js';
import { DeviceKey, verifySignature } from '../../src/security/devices/device-key.js';
import { enrolProof, type SessionParts, sessionProof } from '../../src/security/devices/session-proof.js';
import { formatToken, type JoinToken, parseToken, redactTokens } from '../../src/security/invites/join-token.js';

const PAGE = new URL('../../../docs/protocol.md', import.meta.url);

/** What stands before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410). */
const PKCS8_PREFIX = '302e020100300506032b657004220420';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The bytes that an example gives under this label: hexadecimal, in one line or several. */
function bytesUnder(page: string, label: string): Buffer {
  const lines = new RegExp(`^${label} {2,}((?:[0-9a-f]+(?:\\n {4,})?)+)$`, 'm').exec(page)?.[1];
  assert.ok(lines, label);
  return Buffer.from(lines.replace(/\s/g, ''), 'hex');
}

function exampleToken(page: string): JoinToken {
  const text = /^token +(nmtk-\S+)$/m.exec(page)?.[1];
  assert.ok(text);
  return parseToken(text);
}

function messagesOf(frames: string): NetworkMessage[] {
  return [...frames.matchAll(/^[<>] (.*)$/gm)].flatMap(([, frame]) => {
    const { messages, invalid } = jsonCodec.decode(frame as string, DEFAULT_DECODE_LIMITS);
    assert.deepEqual(invalid, []);
    return messages;
  });
}

const payloadOf = (messages: readonly NetworkMessage[], verb: string) =>
  messages.find(({ type }) => type === verb)?.payload as Readonly<Record<string, string>> | undefined;

describe('docs/protocol.md', () => {
  let page: string;
  before(async () => {
    page = await readFile(PAGE, 'utf8');
  });

  it('lists the close code of every error that has one of its own', () => {
    const other = closeCodeOf('INVALID_MESSAGE');
    assert.match(page, new RegExp(`\\| ${other} \\| any other`));
    for (const code of ERROR_CODES.filter((candidate) => closeCodeOf(candidate) !== other)) {
      assert.match(page, new RegExp(`\\| ${closeCodeOf(code)} \\|.*\`${code}\``), code);
    }
  });

  it('shows a token, and what is in it', () => {
    const token = exampleToken(page);
    assert.equal(hex(token.fingerprint), hex(bytesUnder(page, 'fingerprint')));
    assert.equal(hex(token.secret), hex(bytesUnder(page, 'secret')));
    assert.match(page, new RegExp(`^id +${token.id}$`, 'm'));
    assert.ok(page.includes(`${formatToken(token)}\n`));
  });

  it('shows what a device signs, and the signature', () => {
    const pem = Buffer.concat([Buffer.from(PKCS8_PREFIX, 'hex'), bytesUnder(page, 'private key')]).toString('base64');
    const key = DeviceKey.fromPem(`-----BEGIN PRIVATE KEY-----\n${pem}\n-----END PRIVATE KEY-----\n`);
    assert.equal(hex(key.publicKey), hex(bytesUnder(page, 'public key')));
    const [nonce, binding] = [bytesUnder(page, 'nonce'), bytesUnder(page, 'binding')];
    const parts: SessionParts = { nonce, role: 'collaborator', node: 'snake', binding };
    const proofs = { enrol: enrolProof({ ...parts, token: exampleToken(page).id }), prove: sessionProof(parts) };
    for (const [verb, signed] of Object.entries(proofs)) {
      assert.equal(hex(bytesUnder(page, `${verb}, signed`)), hex(signed), verb);
      assert.equal(hex(bytesUnder(page, `${verb}, signature`)), hex(key.sign(signed)), verb);
    }
  });

  it('shows a compressed payload', () => {
    const payload = { text: 'netmgr '.repeat(150) };
    assert.match(page, /`netmgr` and a space 150 times, is 1,061 bytes of JSON/);
    assert.equal(JSON.stringify(payload).length, 1061);
    const deflated = bytesUnder(page, 'compressed');
    assert.equal(inflateRawSync(deflated).toString(), JSON.stringify(payload));
    const frame = /^message {2,}(\{.*\})$/m.exec(page)?.[1] ?? '';
    assert.equal(JSON.parse(frame).deflate, deflated.toString('base64'));
    const [message] = jsonDeflateCodec.decode(frame, DEFAULT_DECODE_LIMITS).messages;
    assert.deepEqual(message?.payload, payload);
    for (const name of CODECS.keys()) assert.ok(page.includes(`| \`${subprotocolOf(name as CodecName)}\` |`), name);
  });

  it('shows a session in which every frame is one that netmgr reads', () => {
    const messages = messagesOf(page.slice(page.indexOf('## A whole session')));
    const verbs = messages.map(({ kind, type }) => (kind === 'control' ? type : kind));
    for (const verb of [
      'hello',
      'challenge',
      'enrol',
      'prove',
      'welcome',
      'register',
      'heartbeat',
      'ack',
      'request',
      'response',
      'cancel',
      'goodbye',
    ]) {
      assert.ok(verbs.includes(verb), verb);
    }
  });

  it('shows a session in which the token, the root and both signatures belong together', () => {
    const [, ...sessions] = page.slice(page.indexOf('## A whole session')).split(/^= binding /m);
    const token = exampleToken(page);
    for (const [index, verb] of ['enrol', 'prove'].entries()) {
      const session = sessions[index] ?? '';
      const messages = messagesOf(session);
      const { key = '', signature = '', token: shown } = payloadOf(messages, verb) ?? {};
      const nonce = Buffer.from(payloadOf(messages, 'challenge')?.['nonce'] ?? '', 'base64url');
      const binding = Buffer.from(session.split('\n')[0] ?? '', 'hex');
      const parts: SessionParts = { nonce, role: 'collaborator', node: 'snake', binding };
      const signed = verb === 'enrol' ? enrolProof({ ...parts, token: token.id }) : sessionProof(parts);
      assert.ok(verifySignature(Buffer.from(key, 'base64url'), signed, Buffer.from(signature, 'base64url')), verb);
      assert.equal(shown, verb === 'enrol' ? redactTokens(formatToken(token)) : undefined);
      const { greeting } = payloadOf(messages, 'welcome') as unknown as { greeting: { roots: readonly string[] } };
      assert.deepEqual(
        greeting.roots.map((root) => hex(fingerprintOf(new X509Certificate(root)))),
        [hex(token.fingerprint)],
      );
    }
  });
});
