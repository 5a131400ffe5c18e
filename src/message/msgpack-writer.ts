/** Between messages the buffer shrinks back to this, in bytes. */
const START_BYTES = 8192;
const MAX_KEPT_BYTES = 1024 * 1024;
/** Below this many characters a loop is faster than a call of the native encoder. */
const SHORT_TEXT = 48;

/** How many bytes of MessagePack so many bytes take, with their header. */
export const bytesSize = ({ length }: Uint8Array): number => length + (length < 0x100 ? 2 : length < 0x10000 ? 3 : 5);

/** Writes MessagePack: JSON values and bytes, nothing else. Used for one message after another. */
export class MsgpackWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(START_BYTES);
  #at = 0;

  /** What was written since the last call, as a copy. */
  take(): Uint8Array {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#at));
    this.#at = 0;
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(START_BYTES);
    return taken;
  }

  /** Forgets what was written since the last `take`. */
  reset(): void {
    this.#at = 0;
  }

  /** How much was written. */
  get size(): number {
    return this.#at;
  }

  /** What was written from there on, until something else is written. */
  since(size: number): Uint8Array {
    return this.#bytes.subarray(size, this.#at);
  }

  /** Forgets what was written from there on. */
  backTo(size: number): void {
    this.#at = size;
  }

  map(size: number): void {
    this.#header(size, 0x80, 0xde);
  }

  list(size: number): void {
    this.#header(size, 0x90, 0xdc);
  }

  text(text: string): void {
    this.#reserve(text.length * 3 + 5);
    if (text.length < SHORT_TEXT && this.#ascii(text)) return;
    const length = Buffer.byteLength(text);
    this.#textLength(length);
    this.#at += this.#bytes.write(text, this.#at, length, 'utf8');
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length + 5);
    this.#length(bytes.length, 0xc4);
    this.encoded(bytes);
  }

  /** What stands before so many bytes. */
  bytesHeader(length: number): void {
    this.#reserve(5);
    this.#length(length, 0xc4);
  }

  /** A value that is MessagePack already. */
  encoded(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  number(value: number): void {
    this.#reserve(9);
    const bytes = this.#bytes;
    if (value >= 0 && value < 0x80 && Number.isInteger(value)) bytes[this.#at++] = value;
    else if (value < 0 && value >= -0x20 && Number.isInteger(value)) bytes[this.#at++] = value & 0xff;
    else if (Number.isSafeInteger(value)) this.#integer(value);
    else {
      bytes[this.#at] = 0xcb;
      this.#at = bytes.writeDoubleBE(value, this.#at + 1);
    }
  }

  /** Plain objects, lists, scalars and bytes, nested as deeply as `inspectPayload` allows. */
  value(value: unknown): void {
    if (typeof value === 'string') this.text(value);
    else if (typeof value === 'number') this.number(value);
    else if (typeof value === 'object' && value !== null) this.#object(value);
    else {
      this.#reserve(1);
      this.#bytes[this.#at++] = value === true ? 0xc3 : value === false ? 0xc2 : 0xc0;
    }
  }

  #object(value: object): void {
    if (Array.isArray(value)) {
      this.list(value.length);
      for (const item of value) this.value(item);
    } else if (value instanceof Uint8Array) this.bytes(value);
    else {
      const keys = Object.keys(value);
      this.map(keys.length);
      for (const key of keys) {
        this.text(key);
        this.value((value as Record<string, unknown>)[key]);
      }
    }
  }

  /** Writes a short text if it is ASCII. */
  #ascii(text: string): boolean {
    const bytes = this.#bytes;
    let at = this.#at + (text.length < 0x20 ? 1 : 2);
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) return false;
      bytes[at++] = code;
    }
    this.#textLength(text.length);
    this.#at = at;
    return true;
  }

  #header(size: number, short: number, long: number): void {
    this.#reserve(5);
    if (size < 0x10) this.#bytes[this.#at++] = short | size;
    else if (size < 0x10000) {
      this.#bytes[this.#at] = long;
      this.#at = this.#bytes.writeUInt16BE(size, this.#at + 1);
    } else {
      this.#bytes[this.#at] = long + 1;
      this.#at = this.#bytes.writeUInt32BE(size, this.#at + 1);
    }
  }

  /** The length of a text or of bytes, in 1, 2 or 4 bytes behind the token. */
  #length(length: number, token: number): void {
    const bytes = this.#bytes;
    if (length < 0x100) {
      bytes[this.#at++] = token;
      bytes[this.#at++] = length;
    } else if (length < 0x10000) {
      bytes[this.#at] = token + 1;
      this.#at = bytes.writeUInt16BE(length, this.#at + 1);
    } else {
      bytes[this.#at] = token + 2;
      this.#at = bytes.writeUInt32BE(length, this.#at + 1);
    }
  }

  #textLength(length: number): void {
    if (length < 0x20) this.#bytes[this.#at++] = 0xa0 | length;
    else this.#length(length, 0xd9);
  }

  #integer(value: number): void {
    const bytes = this.#bytes;
    const at = this.#at + 1;
    if (value >= 0 && value < 0x10000) {
      bytes[this.#at] = 0xcd;
      this.#at = bytes.writeUInt16BE(value, at);
    } else if (value >= 0 && value < 0x100000000) {
      bytes[this.#at] = 0xce;
      this.#at = bytes.writeUInt32BE(value, at);
    } else if (value < 0 && value >= -0x80000000) {
      bytes[this.#at] = 0xd2;
      this.#at = bytes.writeInt32BE(value, at);
    } else {
      bytes[this.#at] = value < 0 ? 0xd3 : 0xcf;
      const high = Math.floor(value / 0x100000000);
      bytes.writeInt32BE(high, at);
      this.#at = bytes.writeUInt32BE(value - high * 0x100000000, at + 4);
    }
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + more));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}
