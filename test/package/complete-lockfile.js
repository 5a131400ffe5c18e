// node test/package/complete-lockfile.js [package-lock.json ...]
// Names in the lock file what a registry (or a mirror of one) did not have when it was written: the optional packages
// of other platforms. Without an entry `npm ci` refuses the file, or leaves those platforms without their executables.
// An entry made here has no integrity; an `npm install` that can see the package adds it.
import { readFileSync, writeFileSync } from 'node:fs';

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x'];

const files = process.argv.slice(2);
for (const file of files.length > 0 ? files : ['package-lock.json']) {
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const before = Object.keys(lock.packages).length;
  complete(lock.packages);
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${file}: ${Object.keys(lock.packages).length - before} entries added`);
}

function complete(packages) {
  for (const parent of Object.values(packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const place = `node_modules/${name}`;
      if (packages[place] === undefined) packages[place] = entry(name, version, parent.dev === true);
    }
  }
}

/** What such a package says of itself, as its name tells it: `…/cli-linux-x64-musl`. */
function entry(name, version, dev) {
  const words = name.slice(name.indexOf('/') + 1).split('-');
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.find((word) => PROCESSORS.includes(word));
  if (!/^\d+\.\d+\.\d+/.test(version) || os === undefined || cpu === undefined) {
    throw new Error(`${name}@${version}: not a package for one platform, at one version`);
  }
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : words.includes('gnu') ? 'glibc' : undefined;
  return {
    version,
    cpu: [cpu],
    ...(dev ? { dev } : {}),
    ...(libc === undefined ? {} : { libc: [libc] }),
    optional: true,
    os: [os],
  };
}
