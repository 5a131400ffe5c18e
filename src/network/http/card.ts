import { NetworkError } from '../../base/errors.js';
import { NODE_NAME, type NodeId, ROLES, type Role } from '../../base/names.js';
import { shownValue } from '../../message/guard.js';
import { unshared } from '../framed/unshared.js';

/** The header in which each request and each answer says whose it is. */
export const CARD_HEADER = 'netmgr';
/** The header of a POST that is made again after its socket has ended: what was taken of the first is not taken twice. */
export const REPEAT_HEADER = 'netmgr-repeat';

/** What a node says of itself with each request and each answer. */
export interface Card {
  readonly node: NodeId;
  /** Whom a request is for. */
  readonly to: NodeId | undefined;
  readonly cluster: string | undefined;
  readonly role: Role;
  /** Random at each start of the process. */
  readonly instance: string;
  readonly version: string;
  /** Names of codecs and codings that it reads: `json`, `msgpack`, `gzip`, `deflate`. */
  readonly reads: ReadonlySet<string>;
  /** The largest frame that it reads. */
  readonly maxFrameBytes: number;
}

const INSTANCE = /^[\x21-\x3a\x3c-\x7e]{1,64}$/;
const MAX_VERSION = 64;
/** Who does not say reads this much. */
const DEFAULT_FRAME_BYTES = 1024 * 1024;
const MIN_FRAME_BYTES = 4096;
/** So many texts are remembered with what was read in them. */
const MAX_KNOWN = 1000;

/** As it stands in the header: `node=a; to=b; cluster=default; …`. */
export function cardText(card: Card): string {
  const { node, to, cluster, role, instance, version, reads, maxFrameBytes } = card;
  const parts = [`node=${node}`];
  if (to !== undefined) parts.push(`to=${to}`);
  if (cluster !== undefined) parts.push(`cluster=${cluster}`);
  parts.push(`role=${role}`, `instance=${instance}`, `version=${escaped(version.slice(0, MAX_VERSION))}`);
  parts.push(`reads=${[...reads].join(',')}`, `max=${maxFrameBytes}`);
  return parts.join('; ');
}

/** Percent-encoded; half a pair of UTF-16 cannot be. */
const escaped = (text: string): string => encodeURIComponent(Buffer.from(text).toString());

/** Reads cards; the same few come again and again. */
export class Cards {
  readonly #known = new Map<string, Card>();

  /** @throws NetworkError INVALID_MESSAGE naming the field */
  read(text: string): Card {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const card = parseCard(text);
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(unshared(text), card);
    return card;
  }
}

function parseCard(text: string): Card {
  const fields = new Map<string, string>();
  for (const part of text.split(';')) {
    const at = part.indexOf('=');
    const key = part.slice(0, at).trim();
    if (at < 0 || fields.has(key)) throw invalid(`${shownValue(part.trim())} is no KEY=VALUE, or comes twice`);
    fields.set(key, unshared(part.slice(at + 1).trim()));
  }
  return {
    node: nameIn(fields, 'node') ?? refuse('node', undefined),
    to: nameIn(fields, 'to'),
    cluster: nameIn(fields, 'cluster'),
    role: roleOf(fields.get('role')),
    instance: instanceOf(fields.get('instance')),
    version: versionOf(fields.get('version')),
    reads: new Set((fields.get('reads') ?? 'json').split(',')),
    maxFrameBytes: frameBytesOf(fields.get('max')),
  };
}

function nameIn(fields: ReadonlyMap<string, string>, key: string): string | undefined {
  const name = fields.get(key);
  return name === undefined || NODE_NAME.test(name) ? name : refuse(key, name);
}

const roleOf = (text: string | undefined): Role =>
  text === undefined ? 'collaborator' : (ROLES.find((role) => role === text) ?? refuse('role', text));

const instanceOf = (text: string | undefined): string =>
  text !== undefined && INSTANCE.test(text) ? text : refuse('instance', text);

function versionOf(text = 'unknown'): string {
  try {
    const version = decodeURIComponent(text);
    if (version !== '' && version.length <= MAX_VERSION) return version;
  } catch {
    // Not percent-encoded as it should be.
  }
  return refuse('version', text);
}

function frameBytesOf(text: string | undefined): number {
  const bytes = text === undefined ? DEFAULT_FRAME_BYTES : Number(text);
  return Number.isSafeInteger(bytes) && bytes >= MIN_FRAME_BYTES ? bytes : refuse('max', text);
}

function refuse(field: string, value: string | undefined): never {
  throw invalid(`${field} ${value === undefined ? 'is missing' : `cannot be ${shownValue(value)}`}`);
}

const invalid = (rule: string): NetworkError => new NetworkError('INVALID_MESSAGE', `header ${CARD_HEADER}: ${rule}`);
