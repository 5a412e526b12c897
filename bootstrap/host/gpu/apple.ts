import { z } from 'zod';
import { parseJson } from '../parse-json.ts';
import type { HostPorts } from '../types.ts';
import { cleanText, type FoundGpu, memoryOf, vendorOf } from './gpu-text.ts';

const QUERY = ['SPDisplaysDataType', '-json'];
const outputSchema = z.object({ SPDisplaysDataType: z.array(z.unknown()) });
const chipSchema = z.object({
  sppci_model: z.string().optional(),
  _name: z.string().optional(),
  spdisplays_vendor: z.string().optional(),
  spdisplays_vram: z.string().optional(),
});
type Chip = z.infer<typeof chipSchema>;

/**
 * The GPUs of a Mac out of system_profiler. Those of Apple share the host's memory and tell none of
 * their own.
 */
export async function appleGpus(ports: HostPorts): Promise<readonly FoundGpu[]> {
  const result = await ports.run('system_profiler', QUERY);
  const output = outputSchema.safeParse(result.ok ? parseJson(result.output) : undefined);
  if (!output.success) {
    ports.logger.debug({}, 'system_profiler gave no displays');
    return [];
  }
  return output.data.SPDisplaysDataType.flatMap((entry) => {
    const chip = chipSchema.safeParse(entry);
    return chip.success ? gpuOf(chip.data) : [];
  });
}

function gpuOf(chip: Chip): readonly FoundGpu[] {
  // _name can be an item key (kHW_AppleM1Item) where sppci_model is a name.
  const name = cleanText(chip.sppci_model ?? chip._name ?? '');
  const vendor = vendorOf(`${chip.spdisplays_vendor ?? ''} ${name}`);
  if (vendor === undefined || name === '') return [];
  return [{ vendor, name, ...memoryOf(memoryMb(chip.spdisplays_vram ?? '')) }];
}

function memoryMb(text: string): number {
  const match = /^(\d{1,9})\s*(MB|GB)$/.exec(text.trim());
  return match === null ? Number.NaN : Number(match[1]) * (match[2] === 'GB' ? 1024 : 1);
}
