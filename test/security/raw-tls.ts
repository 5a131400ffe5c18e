import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import type { Socket } from 'node:net';

const NOTHING = Buffer.alloc(0);
const ZEROS = Buffer.alloc(32);
const HANDSHAKE = 22;
const APPLICATION = 23;
const TAG_BYTES = 16;
/** SubjectPublicKeyInfo of an X25519 key, before the key. */
const X25519_HEAD = Buffer.from('302a300506032b656e032100', 'hex');

const hmac = (key: Uint8Array, data: Uint8Array): Buffer => createHmac('sha256', key).update(data).digest();
const hash = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest();
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const sized = (body: Uint8Array): Buffer => Buffer.concat([u16(body.length), body]);
const extension = (type: number, body: Uint8Array): Buffer => Buffer.concat([u16(type), sized(body)]);

/** HKDF-Expand-Label (RFC 8446, 7.1), for up to 32 bytes. */
function expand(secret: Uint8Array, label: string, context: Uint8Array = NOTHING, length = 32): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([u16(length), Buffer.from([name.length]), name, Buffer.from([context.length]), context]);
  return hmac(secret, Buffer.concat([info, Buffer.from([1])])).subarray(0, length);
}

/** One direction of a connection: TLS_AES_128_GCM_SHA256. */
class RecordKeys {
  #secret: Buffer;
  #key: Buffer = NOTHING;
  #iv: Buffer = NOTHING;
  #sequence = 0;

  constructor(secret: Buffer) {
    this.#secret = secret;
    this.#derive();
  }

  get finished(): Buffer {
    return expand(this.#secret, 'finished');
  }

  seal(type: number, content: Uint8Array): Buffer {
    const head = Buffer.concat([Buffer.from([APPLICATION, 3, 3]), u16(content.length + 1 + TAG_BYTES)]);
    const cipher = createCipheriv('aes-128-gcm', this.#key, this.#nonce()).setAAD(head);
    const sealed = [cipher.update(content), cipher.update(Buffer.from([type])), cipher.final()];
    return Buffer.concat([head, ...sealed, cipher.getAuthTag()]);
  }

  /** The content of a record of the handshake, without its type. */
  open(record: Buffer): Buffer {
    const decipher = createDecipheriv('aes-128-gcm', this.#key, this.#nonce()).setAAD(record.subarray(0, 5));
    decipher.setAuthTag(record.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(record.subarray(5, -TAG_BYTES)), decipher.final()]).subarray(0, -1);
  }

  /** What follows is under the next key. */
  update(): void {
    this.#secret = expand(this.#secret, 'traffic upd');
    this.#derive();
  }

  #derive(): void {
    this.#key = expand(this.#secret, 'key', NOTHING, 16);
    this.#iv = expand(this.#secret, 'iv', NOTHING, 12);
    this.#sequence = 0;
  }

  #nonce(): Buffer {
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#sequence) >>> 0, 8);
    this.#sequence += 1;
    return nonce;
  }
}

/** The writing half of a TLS 1.3 client made by hand, which believes any server and reads nothing after the handshake. */
export class RawTls {
  readonly #socket: Socket;
  readonly #private: KeyObject;
  #transcript: Buffer = NOTHING;
  #secret: Buffer = NOTHING;
  #server: RecordKeys | undefined;
  #own: RecordKeys | undefined;
  #keys: RecordKeys | undefined;
  #flight: Buffer = NOTHING;
  #unread: Buffer = NOTHING;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const { privateKey, publicKey } = generateKeyPairSync('x25519');
    this.#private = privateKey;
    this.#hello(publicKey.export({ type: 'spki', format: 'der' }).subarray(-32));
  }

  /** @param socket that is connected */
  static over(socket: Socket): Promise<RawTls> {
    const client = new RawTls(socket);
    return new Promise((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        if (client.#isOver) return;
        client.#read(chunk);
        if (client.#isOver) resolve(client);
      });
    });
  }

  /** The record of what an application sends. */
  content(content: Uint8Array): Buffer {
    return (this.#keys as RecordKeys).seal(APPLICATION, content);
  }

  /** The record of a KeyUpdate that asks for one of the other side. */
  keyUpdate(): Buffer {
    const keys = this.#keys as RecordKeys;
    const record = keys.seal(HANDSHAKE, Buffer.from([24, 0, 0, 1, 1]));
    keys.update();
    return record;
  }

  write(records: Uint8Array): void {
    this.#socket.write(records);
  }

  get #isOver(): boolean {
    return this.#keys !== undefined;
  }

  #hello(publicKey: Buffer): void {
    const algorithms = [0x0403, 0x0804, 0x0807, 0x0401].map(u16);
    const extensions = Buffer.concat([
      extension(43, Buffer.from([2, 3, 4])),
      extension(10, sized(u16(0x1d))),
      extension(13, sized(Buffer.concat(algorithms))),
      extension(51, sized(Buffer.concat([u16(0x1d), sized(publicKey)]))),
    ]);
    const ids = [randomBytes(32), Buffer.from([32]), randomBytes(32)];
    const body = Buffer.concat([u16(0x303), ...ids, sized(u16(0x1301)), Buffer.from([1, 0]), sized(extensions)]);
    this.#transcript = Buffer.concat([Buffer.from([1, 0]), sized(body)]);
    this.#socket.write(Buffer.concat([Buffer.from([HANDSHAKE, 3, 1]), sized(this.#transcript)]));
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    while (this.#unread.length >= 5 && !this.#isOver) {
      const end = 5 + this.#unread.readUInt16BE(3);
      if (this.#unread.length < end) return;
      const record = this.#unread.subarray(0, end);
      this.#unread = this.#unread.subarray(end);
      if (record[0] === HANDSHAKE) this.#serverHello(record.subarray(5));
      else if (record[0] === APPLICATION && this.#server) this.#handshake(this.#server.open(record));
    }
  }

  #serverHello(message: Buffer): void {
    this.#transcript = Buffer.concat([this.#transcript, message]);
    // Its extensions are the version and the key, in either order; 36 bytes that begin with the group and its length.
    const at = message.indexOf(Buffer.from([0, 0x33, 0, 0x24, 0, 0x1d, 0, 0x20])) + 8;
    const key = Buffer.concat([X25519_HEAD, message.subarray(at, at + 32)]);
    const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
    const shared = diffieHellman({ privateKey: this.#private, publicKey });
    this.#secret = hmac(expand(hmac(ZEROS, ZEROS), 'derived', hash(NOTHING)), shared);
    this.#server = new RecordKeys(expand(this.#secret, 's hs traffic', hash(this.#transcript)));
    this.#own = new RecordKeys(expand(this.#secret, 'c hs traffic', hash(this.#transcript)));
  }

  #handshake(content: Buffer): void {
    this.#flight = Buffer.concat([this.#flight, content]);
    while (this.#flight.length >= 4) {
      const end = 4 + this.#flight.readUIntBE(1, 3);
      if (this.#flight.length < end) return;
      const message = this.#flight.subarray(0, end);
      this.#flight = this.#flight.subarray(end);
      this.#transcript = Buffer.concat([this.#transcript, message]);
      if (message[0] === 20) this.#finish();
    }
  }

  #finish(): void {
    const own = this.#own as RecordKeys;
    const transcript = hash(this.#transcript);
    const finished = Buffer.concat([Buffer.from([20, 0, 0, 32]), hmac(own.finished, transcript)]);
    this.#socket.write(own.seal(HANDSHAKE, finished));
    const main = hmac(expand(this.#secret, 'derived', hash(NOTHING)), ZEROS);
    this.#keys = new RecordKeys(expand(main, 'c ap traffic', transcript));
  }
}
