import path from 'node:path';
import { readPrivateFile, writePrivateFile } from '../storage/private-file.js';

/** Where the authority and the leaf are kept. */
export interface CertificateStore {
  /** For messages: the path of the file. */
  where(file: CertificateFile): string;
  /** @returns undefined if it is not there; throws if it cannot be read, or is open to others */
  read(file: CertificateFile): string | undefined;
  /** Whole or not at all, and durable. */
  write(file: CertificateFile, text: string): void;
}

/**
 * `ca.pem`: the authority's private key, certificate, cross certificates and predecessors, in one file so that they
 * always fit together. `leaf.pem`: the leader's certificate; it may be lost, for the authority makes another.
 */
export type CertificateFile = 'ca.pem' | 'leaf.pem';

/** @param directory is there already; undefined: in memory */
export function certificateStore(directory: string | undefined): CertificateStore {
  if (directory === undefined) return memoryStore();
  const where = (file: CertificateFile): string => path.join(directory, file);
  return {
    where,
    read: (file) => readPrivateFile(where(file)),
    write: (file, text) => writePrivateFile(where(file), text),
  };
}

function memoryStore(): CertificateStore {
  const texts = new Map<CertificateFile, string>();
  return {
    where: (file) => file,
    read: (file) => texts.get(file),
    write: (file, text) => void texts.set(file, text),
  };
}
