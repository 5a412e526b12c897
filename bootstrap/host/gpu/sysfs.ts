import type { GpuVendor, HostPorts } from '../types.ts';
import { cleanText, type FoundGpu, memoryOf, uuidOf } from './gpu-text.ts';

/** A GPU that the kernel drives. */
export interface SysfsGpu extends FoundGpu {
  /** `0000:03:00.0`; empty for one that is not on a PCI bus. */
  readonly busAddress: string;
}

const DRM_FOLDER = '/sys/class/drm';
const BYTES_PER_MIB = 1024 * 1024;
/** PCI vendor ids of those whose chips can compute. */
const VENDORS: Readonly<Record<string, readonly [GpuVendor, string]>> = {
  '0x10de': ['nvidia', 'NVIDIA'],
  '0x1002': ['amd', 'AMD'],
  '0x8086': ['intel', 'Intel'],
};

/**
 * The GPUs in sysfs (Documentation/ABI/testing/sysfs-class-drm), by PCI address as the vendors'
 * tools count.
 */
export async function sysfsGpus(ports: HostPorts): Promise<readonly SysfsGpu[]> {
  const names = await ports.listFolder(DRM_FOLDER);
  const cards = names.filter((name) => /^card\d{1,3}$/.test(name)); // card0-DP-1 is a connector
  const found = await Promise.all(cards.map((card) => readCard(ports, `${DRM_FOLDER}/${card}`)));
  return found
    .filter((gpu) => gpu !== undefined)
    .sort((a, b) => (a.busAddress < b.busAddress ? -1 : 1));
}

async function readCard(ports: HostPorts, card: string): Promise<SysfsGpu | undefined> {
  const read = async (name: string): Promise<string> =>
    (await ports.readText(`${card}/device/${name}`))?.trim() ?? '';
  const [vendorId, device, uevent] = await Promise.all([
    read('vendor'),
    read('device'),
    read('uevent'),
  ]);
  const vendor = VENDORS[vendorId];
  if (vendor === undefined) return undefined;
  // The amdgpu driver tells these three; others have no such file.
  const [product, memory, unique] = await Promise.all([
    read('product_name'),
    read('mem_info_vram_total'),
    read('unique_id'),
  ]);
  const name = cleanText(product) || `${vendor[1]} GPU ${cleanText(device).replace(/^0x/, '')}`;
  return {
    vendor: vendor[0],
    name: name.trim(),
    busAddress: /^PCI_SLOT_NAME=(\S{1,32})$/m.exec(uevent)?.[1]?.toLowerCase() ?? '',
    ...uuidOf(unique),
    ...memoryOf(Number(memory) / BYTES_PER_MIB),
  };
}
