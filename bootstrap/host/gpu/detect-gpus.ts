import { LIMITS } from '../../../protocols/interface/index.ts';
import type { Gpu, GpuVendor, GraphicsController, HostPorts } from '../types.ts';
import { rocmGpus } from './amd.ts';
import { appleGpus } from './apple.ts';
import { cleanText, type FoundGpu, memoryOf, vendorOf } from './gpu-text.ts';
import { nvidiaGpus } from './nvidia.ts';
import { type SysfsGpu, sysfsGpus } from './sysfs.ts';

/**
 * Slots are counted over the vendors in this order, so that a screen's GPU never moves the numbers
 * of the rest.
 */
const VENDOR_ORDER: readonly GpuVendor[] = ['nvidia', 'amd', 'intel', 'apple'];
const BUS_ADDRESS = /([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/;

/**
 * The GPU slots of this host: at most 16; one CPU slot when there is no GPU. Each vendor's own tool
 * is asked first, since it numbers the GPUs as programs on them do; then the kernel; then
 * `systeminformation`.
 */
export async function detectGpus(ports: HostPorts): Promise<readonly Gpu[]> {
  const found = await findGpus(ports);
  if (found.length > LIMITS.gpuSlotsMax) {
    ports.logger.warn({ found: found.length, used: LIMITS.gpuSlotsMax }, 'too many GPUs for slots');
  }
  const slots = found.slice(0, LIMITS.gpuSlotsMax).map((gpu, index) => ({ index, ...gpu }));
  if (slots.length > 0) return slots;
  return [{ index: 0, name: cleanText(ports.cpuModel()) || 'CPU', vendor: 'cpu' }];
}

/** One line about a GPU for the `gpu_info` of an agent: name, memory, UUID. */
export function describeGpu(gpu: Gpu): string {
  const memory = gpu.memoryMb === undefined ? [] : [`${gpu.memoryMb} MiB`];
  const text = [gpu.name, ...memory, ...(gpu.uuid === undefined ? [] : [gpu.uuid])].join(', ');
  // A long name must not keep the whole list from being enrolled; cut by characters, at most four
  // bytes each.
  return [...text].slice(0, LIMITS.gpuInfoBytesMax / 4).join('');
}

async function findGpus(ports: HostPorts): Promise<readonly FoundGpu[]> {
  const found =
    ports.platform === 'linux'
      ? await linuxGpus(ports)
      : ports.platform === 'darwin'
        ? await darwinGpus(ports)
        : [];
  return VENDOR_ORDER.flatMap((vendor) => found.filter((gpu) => gpu.vendor === vendor));
}

async function darwinGpus(ports: HostPorts): Promise<readonly FoundGpu[]> {
  const found = await appleGpus(ports);
  return found.length > 0 ? found : controllerGpus(await ports.graphics());
}

async function linuxGpus(ports: HostPorts): Promise<readonly FoundGpu[]> {
  const [nvidia, amd, kernel] = await Promise.all([
    nvidiaGpus(ports),
    rocmGpus(ports),
    sysfsGpus(ports),
  ]);
  const told = [...nvidia, ...amd];
  const vendors = new Set(told.map(({ vendor }) => vendor));
  const rest = kernel.filter(({ vendor }) => !vendors.has(vendor));
  if (told.length > 0 && rest.length === 0) return told;
  // Slow, and on Linux it blocks the event loop for its tools: only for names, or when nobody else
  // knows a GPU.
  const controllers = await ports.graphics();
  if (kernel.length === 0) return controllerGpus(controllers);
  return [...told, ...rest.map((gpu) => withName(gpu, controllers))];
}

function withName(gpu: SysfsGpu, controllers: readonly GraphicsController[]): FoundGpu {
  const { busAddress, ...found } = gpu;
  const known = controllers.find((controller) => {
    const address = BUS_ADDRESS.exec(controller.busAddress?.toLowerCase() ?? '')?.[1];
    return address !== undefined && busAddress.endsWith(address);
  });
  const name = cleanText(known?.model ?? '');
  return name === '' ? found : { ...found, name };
}

function controllerGpus(controllers: readonly GraphicsController[]): readonly FoundGpu[] {
  return controllers.flatMap((controller) => {
    const vendor = vendorOf(`${controller.vendor} ${controller.model}`);
    const name = cleanText(controller.model);
    if (vendor === undefined || name === '') return [];
    const memory = controller.vramDynamic ? {} : memoryOf(controller.vram ?? Number.NaN);
    return [{ vendor, name, ...memory }];
  });
}
