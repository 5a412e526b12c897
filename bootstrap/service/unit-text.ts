import { commandLine, headLines } from './description.ts';
import type { ServiceScope, ServiceSpec } from './types.ts';

/** The system's user and group that a service of the system runs as. */
export const SERVICE_USER = 'cooee';
/** Made by systemd while the service runs; its group may enter. */
export const RUNTIME_FOLDER = '/run/cooee';

const STATE_ROOT = '/var/lib/';

/** What a unit is made for. */
export interface UnitInit {
  readonly scope: ServiceScope;
  /**
   * False: without what needs a namespace of its own, for one user's manager on systems that keep
   * users from making one.
   */
  readonly namespaces: boolean;
}

/**
 * The text of a systemd unit (systemd.service(5), systemd.exec(5)). Everything that a daemon of
 * files, sockets and a few tools does not need is taken from it.
 */
export function unitText(spec: ServiceSpec, init: UnitInit): string {
  const isSystem = init.scope === 'system';
  return [
    ...headLines(spec).map((line) => `# ${line}`),
    '[Unit]',
    'Description=COOEE, the mesh daemon of this host',
    // One user's manager has no such target.
    ...(isSystem ? ['Wants=network-online.target', 'After=network-online.target'] : []),
    '',
    '[Service]',
    ...life(spec),
    ...(isSystem ? systemPlace(spec.home) : []),
    ...everywhere(),
    ...(isSystem ? systemFences(spec) : []),
    ...(!isSystem && init.namespaces ? userFences(spec) : []),
    '',
    '[Install]',
    `WantedBy=${isSystem ? 'multi-user.target' : 'default.target'}`,
    '',
  ].join('\n');
}

function life(spec: ServiceSpec): readonly string[] {
  const [node, ...words] = commandLine(spec);
  return [
    'Type=exec',
    `ExecStart=${[unitWord(node, false), ...words.map((word) => unitWord(word, true))].join(' ')}`,
    'Restart=on-failure',
    'RestartSec=2',
    '# Wrong options and refusals: the same start would fail again.',
    'RestartPreventExitStatus=2 4',
    '# A stop takes at most 5 s.',
    'TimeoutStopSec=10',
    'LimitNOFILE=65536',
    'UMask=0077',
  ];
}

function systemPlace(home: string): readonly string[] {
  return [
    `User=${SERVICE_USER}`,
    `Group=${SERVICE_USER}`,
    ...(isStateFolder(home) ? stateFolder(home) : []),
    '# For the agent socket: the home is closed to all others, this folder is open to the group.',
    `RuntimeDirectory=${RUNTIME_FOLDER.slice('/run/'.length)}`,
    'RuntimeDirectoryMode=0750',
  ];
}

function stateFolder(home: string): readonly string[] {
  const name = unitWord(home.slice(STATE_ROOT.length), false);
  return [`StateDirectory=${name}`, 'StateDirectoryMode=0700'];
}

/** What asks for no right of its own, so that one user's manager can do it too. */
function everywhere(): readonly string[] {
  return [
    '',
    'NoNewPrivileges=yes',
    'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'LockPersonality=yes',
    'KeyringMode=private',
    'SystemCallArchitectures=native',
    'SystemCallFilter=@system-service',
    'SystemCallFilter=~@privileged @resources',
    '# The agent socket is given to its group.',
    'SystemCallFilter=@chown',
    'SystemCallErrorNumber=EPERM',
    '# No MemoryDenyWriteExecute: the JavaScript engine compiles to machine code as it runs.',
  ];
}

/** What both kinds take from the daemon where it can be taken. */
function fences(spec: ServiceSpec): readonly string[] {
  return [
    'CapabilityBoundingSet=',
    'ProtectSystem=strict',
    ...(commandLine(spec).some(isTemporary) ? [] : ['PrivateTmp=yes']),
    'ProtectHostname=yes',
    'ProtectClock=yes',
    'ProtectKernelTunables=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelLogs=yes',
    'ProtectControlGroups=yes',
    '# No ProcSubset=pid: the numbers of processors and memory are read from /proc.',
    'ProtectProc=invisible',
  ];
}

function systemFences(spec: ServiceSpec): readonly string[] {
  const home = isStateFolder(spec.home) ? [] : [unitWord(spec.home, false)];
  const paths = [...home, ...madeLater(spec)];
  return [
    ...fences(spec),
    'AmbientCapabilities=',
    'ProtectHome=yes',
    'RemoveIPC=yes',
    ...(paths.length === 0 ? [] : [`ReadWritePaths=${paths.join(' ')}`]),
    '# No PrivateDevices: nvidia-smi asks the driver through /dev which GPUs there are.',
    'DevicePolicy=closed',
    'DeviceAllow=char-nvidia* rw',
  ];
}

function userFences(spec: ServiceSpec): readonly string[] {
  return [
    '# Without a user namespace one user may not take anything away.',
    'PrivateUsers=yes',
    ...fences(spec),
    'ProtectHome=read-only',
    `ReadWritePaths=${[unitWord(spec.home, false), ...madeLater(spec)].join(' ')}`,
  ];
}

/** Folders that may be missing when the service starts. */
function madeLater(spec: ServiceSpec): readonly string[] {
  return spec.folders.map((path) => unitWord(`-${path}`, false));
}

/** In a folder that PrivateTmp would replace by an empty one. */
export function isTemporary(path: string): boolean {
  return /^\/(?:var\/)?tmp\//u.test(path);
}

/**
 * A folder that systemd makes, owned by the service's user. Not with a name that it reads otherwise
 * there: a colon parts a folder from a link to it (v252, config_parse_exec_directories), and a
 * quotation mark cannot be written.
 */
function isStateFolder(home: string): boolean {
  return home.startsWith(STATE_ROOT) && home.length > STATE_ROOT.length && !/[:"]/u.test(home);
}

/**
 * A word of a unit (systemd.syntax(7), systemd.service(5) "command lines"): `%` begins a specifier,
 * and in the arguments of a command `$` a variable.
 */
export function unitWord(text: string, isArgument: boolean): string {
  const doubled = text.replaceAll('%', '%%');
  const word = isArgument ? doubled.replaceAll('$', '$$$$') : doubled;
  if (/^[\w@%+=:,./$-]+$/u.test(word)) return word;
  const escaped = word
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    // Only commands know this one. A tab stands as it is: lists of paths know neither.
    .replaceAll('\n', '\\n');
  return `"${escaped}"`;
}
