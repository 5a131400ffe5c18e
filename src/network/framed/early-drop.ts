/** A socket that has not authenticated. */
export interface Waiting {
  /** Undefined as long as nobody knows; those count as one. */
  readonly ip: string | undefined;
  /** It has not got as far as frames. */
  readonly silent: boolean;
  readonly since: number;
}

export interface Crowd<K> {
  /** In the order of arrival. */
  readonly waiting: ReadonlyMap<K, Waiting>;
  /** How many of them each address has. */
  readonly perAddress: ReadonlyMap<string | undefined, number>;
}

export interface Newcomer {
  readonly ip: string | undefined;
  readonly now: number;
  /** Whoever speaks for longer, and is not in, has no haste. */
  readonly graceMs: number;
}

/**
 * Which socket is ended for a newcomer when all places are taken, so that nobody can keep others out by waiting in them.
 * First one of the address that has most, if that is more than the newcomer's will have: whoever attacks has to come
 * from as many addresses as there are places. Else the oldest that has said nothing, else the oldest that should have
 * been in by now; of addresses with fewer places than the newcomer's, none. Nobody: a rush of honest ones that all are
 * about to get in would only push each other out.
 */
export function whoMakesRoom<K>({ waiting, perAddress }: Crowd<K>, { ip, now, graceMs }: Newcomer): K | undefined {
  const share = perAddress.get(ip) ?? 0;
  let most = 0;
  for (const count of perAddress.values()) most = Math.max(most, count);
  const isUnfair = most > share + 1;
  let late: K | undefined;
  for (const [key, { ip: where, silent, since }] of waiting) {
    if ((perAddress.get(where) ?? 0) < (isUnfair ? most : share)) continue;
    if (silent) return key;
    if (late === undefined && (isUnfair || now - since >= graceMs)) late = key;
  }
  return late;
}
