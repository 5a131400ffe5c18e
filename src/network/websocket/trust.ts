import { createSecureContext, type SecureContext } from 'node:tls';

/** Sets of roots that one process dials with at a time; a process is in one cluster, an operator's in a few. */
const MAX_CONTEXTS = 8;

const contexts = new Map<string, SecureContext>();

/** The TLS of dials that trust these PEM roots alone; kept, since making it costs as much as a handshake does. */
export function trustIn(roots: readonly string[]): SecureContext {
  const key = roots.join('\n');
  const kept = contexts.get(key);
  if (kept) return kept;
  const made = createSecureContext({ ca: [...roots], minVersion: 'TLSv1.3' });
  for (const oldest of contexts.keys()) {
    if (contexts.size < MAX_CONTEXTS) break;
    contexts.delete(oldest);
  }
  contexts.set(key, made);
  return made;
}
