import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { NetworkError } from '../../base/errors.js';
import { toBase32 } from '../invites/base32.js';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const ID_LENGTH = 10;
/** What stands before the 32 bytes in the DER of an Ed25519 public key (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** A device's Ed25519 key: it proves who opens a session. The private half never leaves it but by `toPem`. */
export class DeviceKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Names the key where people see it: 10 base32 characters. */
  readonly id: string;
  readonly #privateKey: KeyObject;

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    this.publicKey = new Uint8Array(der.subarray(SPKI_PREFIX.length));
    this.id = deviceIdOf(this.publicKey);
  }

  /** A new key, from the machine's own source of chance. */
  static generate(): DeviceKey {
    return new DeviceKey(generateKeyPairSync('ed25519').privateKey);
  }

  /** @throws NetworkError INVALID_OPTION, which tells nothing of the text */
  static fromPem(pem: string): DeviceKey {
    let key: KeyObject | undefined;
    try {
      key = createPrivateKey({ key: pem, format: 'pem' });
    } catch {
      // What OpenSSL says of it helps nobody, and nothing of a key belongs in an error.
    }
    if (key?.asymmetricKeyType !== 'ed25519') {
      throw new NetworkError('INVALID_OPTION', 'this is not an Ed25519 private key in PEM (PKCS #8, not encrypted)');
    }
    return new DeviceKey(key);
  }

  /** PKCS #8, not encrypted: a secret. */
  toPem(): string {
    return this.#privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  }

  /** 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array {
    return sign(null, bytes, this.#privateKey);
  }
}

/** The first 10 base32 characters (50 bits) of the SHA-256 of a raw public key. */
export const deviceIdOf = (publicKey: Uint8Array): string =>
  toBase32(createHash('sha256').update(publicKey).digest()).slice(0, ID_LENGTH);

/** Whether the raw Ed25519 key made the signature; false for anything that is no key or no signature. */
export function verifySignature(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    const der = Buffer.concat([SPKI_PREFIX, publicKey]);
    return verify(null, bytes, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature);
  } catch {
    return false;
  }
}
