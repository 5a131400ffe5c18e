import { crc32 } from 'node:zlib';
import { NetworkError } from '../../base/errors.js';
import { fromBase32, toBase32 } from './base32.js';

/** What a token makes of the one who has it. */
type TokenRole = 'collaborator' | 'operator' | 'observer';

/** An invitation, as it is passed from hand to hand. */
export interface JoinToken {
  readonly role: TokenRole;
  /** SHA-256 of the DER of the cluster's CA certificate: 32 bytes. */
  readonly fingerprint: Uint8Array;
  /** 8 base32 characters (40 bits); public: it names the token where the secret must not be. */
  readonly id: string;
  /** 20 bytes. */
  readonly secret: Uint8Array;
}

const LETTER_OF: Readonly<Record<TokenRole, string>> = { collaborator: 'c', operator: 'o', observer: 'v' };
const ROLE_OF: ReadonlyMap<string, TokenRole> = new Map(
  (Object.keys(LETTER_OF) as TokenRole[]).map((role) => [LETTER_OF[role], role]),
);

/** The parts between the dashes, and how many characters each has. */
const PARTS: readonly (readonly [name: string, length: number])[] = [
  ['prefix', 4],
  ['version', 1],
  ['role', 1],
  ['fingerprint', 52],
  ['id', 8],
  ['secret', 32],
  ['checksum', 7],
];
const LENGTH = PARTS.reduce((sum, [, length]) => sum + length + 1, -1);
const SHAPE = /^nmtk-1-[cov]-[a-z2-7]{52}-([a-z2-7]{8})-[a-z2-7]{32}-[a-z2-7]{7}$/;
const TAIL = /-[a-z2-7]{52}-[a-z2-7]{8}-[a-z2-7]{32}-[a-z2-7]{7}$/;
/** More than a token with all the white space that a terminal or a mail may have put into it. */
const LONGEST_INPUT = 4_096;
const WHITE_SPACE = /[\s\p{Cf}]+/gu;

/**
 * `nmtk-1-<role c|o|v>-<fingerprint>-<id>-<secret>-<checksum>`, in lower-case base32. The checksum is the CRC-32 of
 * all the characters before its dash: it finds every change within four neighbouring characters for certain.
 */
export function formatToken({ role, fingerprint, id, secret }: JoinToken): string {
  const body = `nmtk-1-${LETTER_OF[role]}-${toBase32(fingerprint)}-${id}-${toBase32(secret)}`;
  const token = `${body}-${checksumOf(body)}`;
  // Nothing of it is told: it may hold a secret.
  if (!SHAPE.test(token)) throw new NetworkError('INTERNAL', 'a part of the join token has the wrong size');
  return token;
}

/**
 * Reads a token as it was pasted: case, white space and invisible characters do not matter.
 * @throws NetworkError INVALID_OPTION that says which part is wrong, and tells nothing of the token but its public id
 */
export function parseToken(text: string): JoinToken {
  const token = text.length > LONGEST_INPUT ? '' : text.replace(WHITE_SPACE, '').toLowerCase();
  const parts = token.split('-');
  const [prefix, version, letter = '', fingerprint = '', id = '', secret = ''] = parts;
  if (!isNearlyToken(token)) throw invalid('this is no join token: one begins with nmtk-1-');
  const dash = token.lastIndexOf('-');
  if (checksumOf(token.slice(0, Math.max(0, dash))) !== token.slice(dash + 1)) throw damaged(token, parts);
  if (prefix !== 'nmtk' || version !== '1') {
    throw invalid(
      'the join token is of another version of netmgr',
      'Install the version of netmgr that the leader has.',
    );
  }
  const role = ROLE_OF.get(letter);
  const bytes = fromBase32(fingerprint);
  const secretBytes = fromBase32(secret);
  if (role === undefined || bytes === undefined || secretBytes === undefined || !SHAPE.test(token)) {
    throw invalid('the join token was not made by netmgr: its checksum is right, but its parts are not');
  }
  return { role, fingerprint: bytes, id, secret: secretBytes };
}

/** How a token is called where its secret must not be: `nmtk-1-c-…-k3f7abcd`. */
export const publicName = (token: Pick<JoinToken, 'role' | 'id'>): string =>
  `nmtk-1-${LETTER_OF[token.role]}-…-${token.id}`;

const WHOLE = new RegExp(
  ['n', 'm', 't', 'k', '-', '1', '-', '([cov])', '-', ...letters(52), '-', `(${letters(8).join('\\s*')})`, '-']
    .concat(letters(32), '-', letters(7))
    .join('\\s*'),
  'gi',
);
/** What was a token once: shortened, or with a typo in it. Longer than what is public of one. */
const BROKEN = /nmtk[\w-]{16,}/gi;

/** Takes the secrets out of a text that is shown to people: whole tokens keep their public part. */
export function redactTokens(text: string): string {
  return text
    .replace(WHOLE, (_token, letter: string, id: string) => {
      return `nmtk-1-${letter.toLowerCase()}-…-${id.replace(/\s/g, '').toLowerCase()}-[secret]`;
    })
    .replace(BROKEN, 'nmtk-[secret]');
}

function letters(count: number): string[] {
  return new Array<string>(count).fill('[a-z2-7]');
}

function checksumOf(body: string): string {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, crc32(body));
  return toBase32(bytes);
}

/** The beginning is right, or what comes behind it is. */
const isNearlyToken = (token: string): boolean => token.startsWith('nmtk') || TAIL.test(token);

function damaged(token: string, parts: readonly string[]): NetworkError {
  const id = SHAPE.exec(token)?.[1];
  const name = id === undefined ? 'the join token' : `the join token ${token.slice(0, 8)}-…-${id}`;
  return invalid(`${name} has a typo or is not whole: its checksum does not match${placeOf(token, parts)}`);
}

/** Where the mistake is, if that can be seen. Says nothing of what stands there: a secret may have slipped. */
function placeOf(token: string, parts: readonly string[]): string {
  if (token.length < LENGTH) return ` (it has ${token.length} characters of ${LENGTH})`;
  if (token.length > LENGTH) return ` (it has ${token.length} characters, and should have ${LENGTH})`;
  if (parts.length !== PARTS.length)
    return ` (it has ${parts.length} parts between its dashes instead of ${PARTS.length})`;
  for (const [index, [name, length]] of PARTS.entries()) {
    const part = parts[index] ?? '';
    if (part.length !== length) return ` (its ${name} has ${part.length} characters instead of ${length})`;
    const allowed = ALLOWED[name] ?? /[a-z2-7]/;
    const place = [...part].findIndex((letter) => !allowed.test(letter));
    if (place >= 0) return ` (character ${place + 1} of its ${name} cannot be right)`;
  }
  return '';
}

const ALLOWED: Readonly<Record<string, RegExp>> = { prefix: /[nmtk]/, version: /1/, role: /[cov]/ };

const invalid = (message: string, hint: string = COPY_AGAIN): NetworkError =>
  new NetworkError('INVALID_OPTION', message, { hint });

const COPY_AGAIN = "Copy it again, all of it, or make a new one on the leader's host: netmgr invite create";
