/** A host runs so many collaborators under its own name at most. */
const MAX_SAME_HOST = 999;
const LONGEST_HOST_PART = 59;

/** The names that a node may take, best first: the one that was given, or the host's, then with -2, -3 and so on. */
export interface NodeNames {
  readonly given: boolean;
  readonly candidates: Iterable<string>;
}

export function nodeNames(given: string | undefined, hostName: string): NodeNames {
  if (given !== undefined) return { given: true, candidates: [given] };
  return { given: false, candidates: hostNames(nameOfHost(hostName)) };
}

function* hostNames(host: string): Generator<string, void, undefined> {
  yield host;
  for (let number = 2; number <= MAX_SAME_HOST; number += 1) yield `${host}-${number}`;
}

/** The host name as a node name: lower case, what is not allowed becomes a dash. */
export function nameOfHost(hostName: string): string {
  const name = hostName
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, LONGEST_HOST_PART);
  return name === '' ? 'node' : name;
}
