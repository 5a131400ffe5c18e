import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { isNetworkError } from '../../src/base/errors.js';
import { DeviceKey, deviceIdOf, verifySignature } from '../../src/security/devices/device-key.js';

/** RFC 8032, section 7.1, test 2. */
const RFC = {
  secret: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
  publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  message: '72',
  signature:
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
};

function rfcKey(): DeviceKey {
  const der = Buffer.from(`302e020100300506032b657004220420${RFC.secret}`, 'hex');
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return DeviceKey.fromPem(key.export({ format: 'pem', type: 'pkcs8' }).toString());
}

describe('a device key', () => {
  test('signs as RFC 8032 says', () => {
    const key = rfcKey();
    const message = Buffer.from(RFC.message, 'hex');
    assert.equal(Buffer.from(key.publicKey).toString('hex'), RFC.publicKey);
    assert.equal(Buffer.from(key.sign(message)).toString('hex'), RFC.signature);
    assert.ok(verifySignature(key.publicKey, message, Buffer.from(RFC.signature, 'hex')));
  });

  test('is named by the hash of its public half', () => {
    // Python: base64.b32encode(hashlib.sha256(key).digest())[:10], for the public key of RFC 8032's test 1.
    const key = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');
    assert.equal(deviceIdOf(key), 'eh7ddx5bks');
    const made = DeviceKey.generate();
    assert.equal(made.id, deviceIdOf(made.publicKey));
    assert.match(made.id, /^[a-z2-7]{10}$/);
  });

  test('is the same after it was stored', () => {
    const key = DeviceKey.generate();
    const again = DeviceKey.fromPem(key.toPem());
    assert.deepEqual(again.publicKey, key.publicKey);
    assert.ok(verifySignature(key.publicKey, Buffer.from('a'), again.sign(Buffer.from('a'))));
    assert.notEqual(DeviceKey.generate().id, key.id);
  });

  test('shows its private half to nobody', () => {
    const key = rfcKey();
    const shown = `${inspect(key, { depth: 9, showHidden: true })} ${JSON.stringify(key)} ${String(key)}`;
    const secret = Buffer.from(RFC.secret, 'hex');
    for (const coding of ['hex', 'base64', 'base64url'] as const) assert.ok(!shown.includes(secret.toString(coding)));
    assert.ok(!shown.includes([...secret.subarray(0, 6)].join(', ')));
    assert.ok(!shown.includes('PRIVATE'));
  });

  test('is not read from anything else, and the error repeats nothing of it', () => {
    const pem = DeviceKey.generate().toPem();
    const rsa = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const encrypted = { cipher: 'aes-256-cbc', passphrase: 'secret', format: 'pem', type: 'pkcs8' } as const;
    const others = [
      '',
      'no key',
      pem.slice(0, 60),
      pem.replace(/\n.*\n/, '\n\n'),
      pem.replace('-----END', '-----ENT'),
      rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      generateKeyPairSync('x25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      generateKeyPairSync('ed25519').privateKey.export(encrypted).toString(),
    ];
    for (const text of others) {
      assert.throws(
        () => DeviceKey.fromPem(text),
        (error) => {
          assert.ok(isNetworkError(error) && error.code === 'INVALID_OPTION' && error.cause === undefined);
          const [, body = ''] = text.split('\n');
          if (body !== '') assert.ok(!String(error.stack).includes(body));
          return true;
        },
      );
    }
  });
});

describe('a signature', () => {
  const key = DeviceKey.generate();

  test('is good for these bytes and this key only', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, at, flip) => {
          const signature = key.sign(bytes);
          const spoil = (given: Uint8Array) => {
            const copy = Uint8Array.from(given);
            copy[at % copy.length] = (copy[at % copy.length] as number) ^ flip;
            return copy;
          };
          assert.ok(verifySignature(key.publicKey, bytes, signature));
          assert.ok(!verifySignature(key.publicKey, spoil(bytes), signature));
          assert.ok(!verifySignature(key.publicKey, bytes, spoil(signature)));
          assert.ok(!verifySignature(spoil(key.publicKey), bytes, signature));
        },
      ),
    );
  });

  test('and a key of any bytes and any length are refused, and nothing is thrown', () => {
    const any = fc.uint8Array({ maxLength: 70 });
    fc.assert(fc.property(any, any, any, (a, b, c) => assert.equal(verifySignature(a, b, c), false)));
    const bytes = randomBytes(8);
    for (const length of [0, 31, 33]) assert.ok(!verifySignature(new Uint8Array(length), bytes, key.sign(bytes)));
    for (const length of [0, 63, 65]) assert.ok(!verifySignature(key.publicKey, bytes, new Uint8Array(length)));
  });
});
