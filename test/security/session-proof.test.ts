import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { ROLES } from '../../src/base/names.js';
import { enrolProof, sessionProof } from '../../src/security/devices/session-proof.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const known = {
  nonce: new Uint8Array(32).fill(1),
  role: 'collaborator' as const,
  node: 'build1',
  binding: new Uint8Array(32).fill(2),
};

test('proofs are the bytes that another program makes of the same parts', () => {
  assert.equal(sha256(sessionProof(known)), 'da8ef4c41c82aef22d1438f633625692e0cf8719a34f8f7a9c6d431a466a530a');
  const enrol = { ...known, token: 'k3f7abcd' };
  assert.equal(sha256(enrolProof(enrol)), 'f84b3dd42f094750125e3d4df339574ec3e9ae986f23038bb652da0f307cc569');
});

const parts = fc.record({
  nonce: fc.uint8Array({ maxLength: 40 }),
  role: fc.constantFrom(...ROLES),
  node: fc.string({ maxLength: 20 }),
  binding: fc.uint8Array({ maxLength: 40 }),
});

test('two proofs are the same only if each part is', () => {
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      assert.equal(Buffer.compare(sessionProof(a), sessionProof(b)) === 0, same(a, b));
    }),
  );
});

test('a byte that moves from one part to the next makes another proof', () => {
  fc.assert(
    fc.property(parts, fc.string({ minLength: 1, maxLength: 3 }), (a, text) => {
      const left = sessionProof({ ...a, node: a.node + text });
      const right = sessionProof({ ...a, binding: Buffer.concat([Buffer.from(text), a.binding]) });
      assert.notEqual(Buffer.compare(left, right), 0);
    }),
  );
});

test('what was signed to enrol is good for no session', () => {
  fc.assert(
    fc.property(parts, fc.string({ maxLength: 8 }), (a, token) => {
      assert.notEqual(Buffer.compare(sessionProof(a), enrolProof({ ...a, token })), 0);
    }),
  );
});
