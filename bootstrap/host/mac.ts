import { canonicalOrNone } from './canonical.ts';
import type { HostInterface, HostPorts } from './types.ts';

/**
 * Names of interfaces that software makes and unmakes: their addresses say nothing about the host.
 */
const VIRTUAL = new RegExp(
  `^(?:${[
    'lo\\d*$',
    'docker|podman|nerdctl|lxc|lxd|cni|cali|flannel|kube|weave|veth|venet',
    'br-|br\\d|bridge|virbr|vnet|vmnet|vboxnet|vmenet|ovs|bond|team',
    'tun|tap|utun|ipsec|ppp|wg|tailscale|zt|nebula|feth',
    'awdl|llw|ap\\d|anpi|gif|stf|p2p0$|p2p-',
    'ifb|dummy|nlmon|sit|gre|erspan|ip6|tunl|teql|vxlan|geneve|macv|ipvlan|v?can\\d',
  ].join('|')})`,
);

/** Route table lines are of interest up to the first default route of each metric. */
const ROUTE_LINES_MAX = 4096;

/**
 * The MAC address that names this host: of the interface with the default route, else of the first
 * physical one by name; never a virtual one. 12 lower-case hex digits, or undefined when there is
 * none.
 */
export async function detectMac(ports: HostPorts): Promise<string | undefined> {
  const isLinux = ports.platform === 'linux';
  const [route, found] = await Promise.all([
    isLinux ? linuxDefaultInterface(ports) : darwinDefaultInterface(ports),
    isLinux
      ? linuxInterfaces(ports)
      : ports.interfaces().map((entry) => ({ ...entry, device: true })),
  ]);
  const usable = found.flatMap(({ name, mac, device }) => {
    const canonical = isVirtualName(name) ? undefined : usableMac(mac);
    return canonical === undefined ? [] : [{ name, mac: canonical, device }];
  });
  usable.sort((a, b) => compareNames(a.name, b.name));
  // In a container no interface has a device behind it; then any that is not virtual by name will
  // do.
  const chosen =
    usable.find(({ name }) => name === route) ?? usable.find(({ device }) => device) ?? usable[0];
  return chosen?.mac;
}

/** True for names of bridges, tunnels, containers' ends and the like; also for VLANs (`eth0.7`). */
export function isVirtualName(name: string): boolean {
  return name.includes('.') || VIRTUAL.test(name);
}

/**
 * 12 hex digits, or undefined for what cannot name a host: malformed, all zero, a group address.
 */
export function usableMac(text: string): string | undefined {
  const mac = canonicalOrNone('mac', text);
  if (mac === undefined || /^0+$/.test(mac)) return undefined;
  // IEEE 802: the lowest bit of the first byte marks a group; the broadcast address has it too.
  const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
  return isGroup ? undefined : mac;
}

/** By name with numbers as numbers, so that eth2 comes before eth10. */
function compareNames(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true }) || (a < b ? -1 : 1);
}

interface FoundInterface extends HostInterface {
  /** Hardware stands behind it. */
  readonly device: boolean;
}

/**
 * Of sysfs rather than the system call behind `interfaces()`, which leaves out those without an IP
 * address.
 */
async function linuxInterfaces(ports: HostPorts): Promise<readonly FoundInterface[]> {
  const folder = '/sys/class/net';
  const names = await ports.listFolder(folder);
  if (names.length === 0) return ports.interfaces().map((entry) => ({ ...entry, device: false }));
  return await Promise.all(
    names.map(async (name) => {
      const [mac, device] = await Promise.all([
        ports.readText(`${folder}/${name}/address`),
        ports.listFolder(`${folder}/${name}/device`),
      ]);
      return { name, mac: mac?.trim() ?? '', device: device.length > 0 };
    }),
  );
}

async function linuxDefaultInterface(ports: HostPorts): Promise<string | undefined> {
  const ipv4 = await ports.readText('/proc/net/route');
  const ipv6 = await ports.readText('/proc/net/ipv6_route');
  return defaultOfIpv4(ipv4 ?? '') ?? defaultOfIpv6(ipv6 ?? '');
}

/** Columns of /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask … */
function defaultOfIpv4(text: string): string | undefined {
  return lowestMetric(
    rows(text).flatMap(([name, destination, , , , , metric, mask]) =>
      destination === '00000000' && mask === '00000000' ? [[name, Number(metric)] as const] : [],
    ),
  );
}

/**
 * Columns of /proc/net/ipv6_route: destination, its length, source, its length, next hop, metric
 * (hex), …, name.
 */
function defaultOfIpv6(text: string): string | undefined {
  return lowestMetric(
    rows(text).flatMap((row) =>
      /^0{32}$/.test(row[0] ?? '') && row[1] === '00' && row.at(-1) !== 'lo'
        ? [[row.at(-1), Number.parseInt(row[5] ?? '', 16)] as const]
        : [],
    ),
  );
}

function rows(text: string): string[][] {
  const lines = text.split('\n', ROUTE_LINES_MAX);
  return lines.map((line) => line.trim().split(/\s+/));
}

function lowestMetric(
  routes: readonly (readonly [string | undefined, number])[],
): string | undefined {
  return [...routes].sort(([, a], [, b]) => a - b)[0]?.[0];
}

async function darwinDefaultInterface(ports: HostPorts): Promise<string | undefined> {
  if (ports.platform !== 'darwin') return undefined;
  for (const family of ['-inet', '-inet6']) {
    const result = await ports.run('route', ['-n', 'get', family, 'default']);
    const name = result.ok ? /^\s*interface:\s*(\S+)\s*$/m.exec(result.output)?.[1] : undefined;
    if (name !== undefined) return name;
  }
  return undefined;
}
