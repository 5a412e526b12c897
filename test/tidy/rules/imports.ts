import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path/posix';
import type { Facts, ImportFact } from '../facts.ts';
import { type Finding, isProgram } from '../source.ts';

/**
 * One row of the import table (docs/architecture.md): what files below a folder may import of ours.
 */
interface Row {
  readonly from: RegExp;
  /** Prefixes of paths whose values may be imported; a folder may always import itself. */
  readonly values: readonly string[];
  /** Prefixes that may be imported as types on top of those. */
  readonly types: readonly string[];
}

const INTERFACE = 'protocols/interface/';
const PURE_FOLDERS = ['protocols/agent-id/', 'protocols/ucxl/', 'protocols/raft/'];
const CODECS = ['protocols/agent-id/', 'protocols/ucxl/'];

/** What verifying a proof without a daemon takes (docs/decisions/0013). */
const PROOFS = [
  'protocols/slurp/proof/index.ts',
  'protocols/membership/index.ts',
  'daemon/system/crypto.ts',
];

/** First match decides. */
const TABLE: readonly Row[] = [
  { from: /^protocols\/interface\//, values: [], types: [] },
  { from: /^protocols\/(wire|agent-id|ucxl|raft)\//, values: [INTERFACE], types: [] },
  {
    // The closed union of command kinds: the one place that brings the reducers together
    // (docs/decisions).
    from: /^protocols\/slurp\/(machine\/)?kinds\.ts$/,
    values: [
      INTERFACE,
      'protocols/wire/',
      'protocols/enrolment/',
      'protocols/help/',
      'protocols/membership/',
      'protocols/submission/',
      ...PURE_FOLDERS,
    ],
    types: ['protocols/'],
  },
  {
    from: /^protocols\/slurp\//,
    values: [INTERFACE, 'protocols/wire/', ...PURE_FOLDERS],
    types: ['protocols/'],
  },
  {
    // The one table of what has an address: it brings together how each kind is read.
    from: /^protocols\/records\//,
    values: [
      INTERFACE,
      'protocols/wire/',
      'protocols/enrolment/',
      'protocols/help/',
      'protocols/membership/',
      'protocols/submission/',
      ...CODECS,
    ],
    types: ['protocols/'],
  },
  {
    from: /^protocols\//,
    values: [INTERFACE, 'protocols/wire/', ...CODECS],
    types: ['protocols/'],
  },
  {
    from: /^storage\//,
    values: [INTERFACE, 'protocols/wire/', ...PURE_FOLDERS],
    types: ['protocols/'],
  },
  { from: /^bootstrap\//, values: ['protocols/'], types: [] },
  {
    from: /^daemon\/api\/routes\//,
    values: [INTERFACE, ...CODECS, 'protocols/help/schema.ts', 'protocols/submission/schema.ts'],
    types: [],
  },
  {
    from: /^daemon\/api\/handlers\//,
    values: [INTERFACE, ...CODECS, 'daemon/api/'],
    types: ['protocols/'],
  },
  {
    from: /^daemon\/api\//,
    values: [INTERFACE, ...CODECS, 'daemon/api/'],
    types: ['protocols/', 'daemon/config/'],
  },
  {
    from: /^daemon\/client\//,
    values: [INTERFACE, 'daemon/api/routes/'],
    types: ['daemon/api/'],
  },
  {
    // The command that runs it.
    from: /^daemon\/cli\/mcp\//,
    values: [INTERFACE, 'daemon/mcp/'],
    types: [],
  },
  {
    // The command that installs it.
    from: /^daemon\/cli\/service\//,
    values: [INTERFACE, 'bootstrap/service/index.ts'],
    types: [],
  },
  {
    // Interface and codecs: typed errors, and `id encode|decode` and address checks without a
    // daemon. What a body cannot keep is the same for who sends it.
    from: /^daemon\/(cli|mcp)\//,
    values: [
      INTERFACE,
      ...CODECS,
      ...PROOFS,
      'daemon/client/',
      'daemon/api/routes/',
      'daemon/api/body/',
    ],
    types: [],
  },
  { from: /^daemon\/config\//, values: [INTERFACE, 'protocols/wire/'], types: [] },
  { from: /^daemon\//, values: [''], types: [] },
];

/**
 * Second doors, beside an index.ts that must stay free of libp2p because pure files import it, or
 * would have a client load the codecs with the schema.
 */
const SIDE_DOORS = new Set([
  'protocols/help/schema.ts',
  'protocols/submission/schema.ts',
  'protocols/wire/stream.ts',
]);

const NO_LIBP2P = /^daemon\/(api|client|cli|mcp|config)\//;
const LEVEL_PACKAGES = new Set(['abstract-level', 'classic-level', 'level']);
const BUILTINS = new Set(builtinModules);

/** The folder that counts as a file's own: the protocol, `daemon/api`, `storage`. */
function unitOf(path: string): string {
  const depth = /^(protocols|daemon)\/[^/]+\//.test(path) ? 2 : 1;
  return `${path.split('/').slice(0, depth).join('/')}/`;
}

/** The repository path that a relative specifier names, or undefined for a package. */
export function targetOf(path: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? join(dirname(path), specifier) : undefined;
}

/** `@scope/name` or `name` of a bare specifier. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** True for libp2p itself and its modules. */
export function isLibp2p(specifier: string): boolean {
  return /^(libp2p$|libp2p\/|@libp2p\/|@chainsafe\/libp2p-)/.test(specifier);
}

/** Imports that the table does not allow. `packages` = the names under `dependencies`. */
export function importFindings(
  files: readonly Facts[],
  packages: ReadonlySet<string>,
): readonly Finding[] {
  return files
    .filter((file) => isProgram(file.path))
    .flatMap((file) =>
      file.imports.flatMap((fact) => {
        const target = targetOf(file.path, fact.specifier);
        const message =
          target === undefined
            ? packageProblem(file.path, fact, packages)
            : ownProblem(file.path, target, fact);
        return message === undefined ? [] : [{ path: file.path, line: fact.line, message }];
      }),
    );
}

function ownProblem(path: string, target: string, fact: ImportFact): string | undefined {
  if (path === 'daemon/main.ts' && !fact.isType && !fact.isDynamic) {
    return 'daemon/main.ts imports nothing statically: it checks the Node.js version first';
  }
  if (!isProgram(target)) return `the program does not import ${target}`;
  const unit = unitOf(path);
  if (target.startsWith(unit) && unit !== 'daemon/') return undefined;
  const row = TABLE.find(({ from }) => from.test(path));
  const allowed = [...(row?.values ?? []), ...(fact.isType ? (row?.types ?? []) : [])];
  if (!allowed.some((prefix) => target.startsWith(prefix))) {
    const kind = fact.isType ? 'types' : 'values';
    return `${unit} may not import ${kind} of ${target}`;
  }
  // Ports are imported one by one where loading all would cost start-up time.
  const isProtocol = target.startsWith('protocols/') && !target.startsWith(INTERFACE);
  if (isProtocol && !target.endsWith('/index.ts') && !SIDE_DOORS.has(target)) {
    return `outsiders import a protocol by its index.ts, not ${target}`;
  }
  return undefined;
}

function packageProblem(
  path: string,
  fact: ImportFact,
  packages: ReadonlySet<string>,
): string | undefined {
  const { specifier, isType } = fact;
  if (path === 'daemon/main.ts' && !isType && !fact.isDynamic) {
    return 'daemon/main.ts imports nothing statically: it checks the Node.js version first';
  }
  if (specifier.startsWith('node:')) return undefined;
  const name = packageOf(specifier);
  if (BUILTINS.has(name)) return `write node:${specifier}`;
  if (specifier === '(computed)') return 'a dynamic import names its module as a plain string';
  if (!packages.has(name)) return `${name} is not among the dependencies of package.json`;
  if (LEVEL_PACKAGES.has(name) && !path.startsWith('storage/')) {
    return `only storage/ imports ${name}`;
  }
  if (!isType && isLibp2p(specifier) && NO_LIBP2P.test(path)) {
    return `${unitOf(path)} reaches the mesh through services, not ${specifier}`;
  }
  return undefined;
}
