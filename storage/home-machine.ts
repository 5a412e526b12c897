import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import { readTextBounded } from './durable-file.ts';

/** Where a machine's id came from, best first. */
export type MachineSource = 'environment' | 'machine-id' | 'platform-uuid' | 'dmi' | 'host';

/** One thing that tells this machine from others. */
export interface MachineMark {
  readonly source: MachineSource;
  /** SHA-256 in hex: the raw id is confidential (machine-id(5)) and never leaves the system. */
  readonly id: string;
}

/** What the machine is asked for. */
export interface MachinePorts {
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a small file, or undefined when it is missing or may not be read. */
  readText(path: string): Promise<string | undefined>;
  /** What a command prints, or undefined when it is missing, fails or takes too long. */
  run(command: string, args: readonly string[]): Promise<string | undefined>;
  hostname(): string;
  /** MAC addresses of the network interfaces, sorted by interface name. */
  macs(): readonly string[];
}

const MACHINE_ID = /^[0-9a-f]{32}$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const PLATFORM_UUID = /"IOPlatformUUID"\s*=\s*"([^"]{1,64})"/;
const FILE_BYTES_MAX = 4096;
const OUTPUT_BYTES_MAX = 256 * 1024;
const COMMAND_TIMEOUT_MS = 5_000;

/**
 * The marks of this machine, best first; never empty. A home knows its machine when the mark it
 * remembers is among them, so that a mark that appears later (an image that gains a machine id)
 * does not make a stranger of it. `COOEE_MACHINE_ID` replaces all of them: for containers that are
 * made anew around the same volume.
 */
export async function machineMarks(ports: MachinePorts): Promise<readonly MachineMark[]> {
  const given = ports.env['COOEE_MACHINE_ID']?.trim();
  if (given !== undefined && given !== '') return [mark('environment', given)];
  const marks: MachineMark[] = [];
  if (ports.platform === 'darwin') await addPlatformUuid(ports, marks);
  else await addLinuxIds(ports, marks);
  marks.push(mark('host', `${ports.hostname()}\n${ports.macs()[0] ?? ''}`));
  return marks;
}

async function addPlatformUuid(ports: MachinePorts, marks: MachineMark[]): Promise<void> {
  const output = await ports.run('ioreg', ['-rd1', '-c', 'IOPlatformExpertDevice']);
  const uuid = output === undefined ? undefined : PLATFORM_UUID.exec(output)?.[1]?.toLowerCase();
  if (isUuid(uuid)) marks.push(mark('platform-uuid', uuid));
}

async function addLinuxIds(ports: MachinePorts, marks: MachineMark[]): Promise<void> {
  // In images the file may be missing, empty, or say "uninitialized" until the first boot is
  // through.
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const id = (await ports.readText(path))?.trim();
    if (id === undefined || !MACHINE_ID.test(id) || isOneDigit(id)) continue;
    marks.push(mark('machine-id', id));
    break;
  }
  // The mainboard's id, for root only: it survives a container made anew, which hostname and MAC do
  // not.
  const uuid = (await ports.readText('/sys/class/dmi/id/product_uuid'))?.trim().toLowerCase();
  if (isUuid(uuid)) marks.push(mark('dmi', uuid));
}

function isUuid(text: string | undefined): text is string {
  return text !== undefined && UUID.test(text) && !isOneDigit(text.replaceAll('-', ''));
}

// All zeros or all F: boards that were never given an id.
function isOneDigit(text: string): boolean {
  return new Set(text).size === 1;
}

function mark(source: MachineSource, text: string): MachineMark {
  return { source, id: createHash('sha256').update(`cooee/machine/1\n${text}`).digest('hex') };
}

/** This machine. */
export const systemMachine: MachinePorts = {
  platform: process.platform,
  env: process.env,
  readText: (path) => readTextBounded(path, FILE_BYTES_MAX).catch(() => undefined),
  run: (command, args) =>
    new Promise((resolve) => {
      const options = { timeout: COMMAND_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX };
      execFile(command, args, options, (error, stdout) => {
        resolve(error === null ? stdout : undefined);
      });
    }),
  hostname,
  macs: () =>
    Object.entries(networkInterfaces())
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, addresses]) => addresses?.map(({ mac }) => mac) ?? [])
      .filter((mac) => mac !== '00:00:00:00:00:00'),
};
