import type { Finding } from '../source.ts';

/** What the rules read of package.json. */
export interface Manifest {
  readonly type?: string;
  readonly license?: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly engines?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly allowScripts?: Readonly<Record<string, boolean>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** What the rules read of package-lock.json. */
export interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly version?: string; readonly resolved?: string }>
  >;
}

/**
 * Lowest versions without a known advisory (CVE-2026-46679, CVE-2026-45783), and what goes with
 * them.
 */
const FLOORS: Readonly<Record<string, string>> = {
  '@libp2p/gossipsub': '17.1.0',
  '@libp2p/kad-dht': '16.4.5',
  libp2p: '3.3.11',
};

/** Fails silently with libp2p 3: no mesh peers, no recipients, nothing thrown. */
const BANNED = '@chainsafe/libp2p-gossipsub';

const STANDARD = /^https:\/\/registry\.npmjs\.org\//;

const SCRIPTS: Readonly<Record<string, RegExp>> = {
  build: /^tsc -p tsconfig\.json\b/,
  // Without exec a signal to npm leaves the daemon behind.
  start: /^exec node dist\/daemon\/main\.js up$/,
  // Without the guard an install without development packages fails.
  prepare: /^\[ ! -x node_modules\/\.bin\/tsc \] \|\| npm run build$/,
  test: /vitest run/,
};

/**
 * Packages of the lock file below their floor, banned, or from elsewhere than the standard
 * registry.
 */
export function lockFindings(lock: Lock): readonly Finding[] {
  const path = 'package-lock.json';
  const findings: Finding[] = [];
  for (const [key, { version = '0.0.0', resolved }] of Object.entries(lock.packages)) {
    const name = key.slice(key.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const floor = key === '' ? undefined : FLOORS[name];
    if (floor !== undefined && isBelow(version, floor)) {
      findings.push({ path, line: 1, message: `${name} ${version} is below ${floor}` });
    }
    if (key !== '' && name === BANNED) {
      findings.push({ path, line: 1, message: `${name} does not work with libp2p 3` });
    }
    if (resolved !== undefined && !STANDARD.test(resolved)) {
      findings.push({ path, line: 1, message: `${key} comes from another host: ${resolved}` });
    }
  }
  for (const name of Object.keys(FLOORS)) {
    if (lock.packages[`node_modules/${name}`] === undefined) {
      findings.push({ path, line: 1, message: `${name} is missing` });
    }
  }
  return findings;
}

/** Fields of package.json that `npm ci`, `npm start` and an old Node.js rely on. */
export function manifestFindings(manifest: Manifest): readonly Finding[] {
  const wrong = (isWrong: boolean, message: string): Finding[] =>
    isWrong ? [{ path: 'package.json', line: 1, message }] : [];
  const all = { ...manifest.dependencies, ...manifest.devDependencies };
  return [
    ...wrong(manifest.type !== 'module', 'type is module'),
    ...wrong(manifest.license !== 'Apache-2.0', 'license is Apache-2.0'),
    ...wrong(manifest.engines?.['node'] !== '>=22.12', 'engines.node is >=22.12'),
    ...wrong(manifest.bin?.['cooee'] !== 'dist/daemon/main.js', 'bin.cooee is the built main.js'),
    ...wrong(!manifest.files?.includes('dist'), 'files has dist'),
    ...wrong(!manifest.allowScripts?.['node'], 'allowScripts has node'),
    ...wrong(!manifest.allowScripts?.['classic-level'], 'allowScripts has classic-level'),
    ...wrong(!manifest.devDependencies?.['node']?.startsWith('24.'), 'node 24 is pinned'),
    ...Object.entries(SCRIPTS).flatMap(([name, form]) =>
      wrong(!form.test(manifest.scripts?.[name] ?? ''), `the script ${name} has another form`),
    ),
    ...Object.entries(all).flatMap(([name, version]) =>
      wrong(!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version), `${name} is not pinned exactly`),
    ),
    ...[manifest.dependencies, manifest.devDependencies].flatMap((table) =>
      wrong(!isSorted(Object.keys(table ?? {})), 'dependencies are sorted by name'),
    ),
  ];
}

function isSorted(names: readonly string[]): boolean {
  return names.every((name, index) => index === 0 || name > (names[index - 1] ?? ''));
}

function isBelow(version: string, floor: string): boolean {
  const parts = (text: string): readonly number[] =>
    (text.split('-')[0] ?? '').split('.').map(Number);
  const [have, need] = [parts(version), parts(floor)];
  for (const [index, wanted] of need.entries()) {
    const present = have[index] ?? 0;
    if (present !== wanted) return present < wanted;
  }
  // A pre-release comes before its release.
  return version.includes('-');
}
