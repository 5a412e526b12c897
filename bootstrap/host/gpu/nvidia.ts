import type { HostPorts } from '../types.ts';
import { cleanText, type FoundGpu, memoryOf, uuidOf } from './gpu-text.ts';

const QUERY = ['--query-gpu=index,name,uuid,memory.total', '--format=csv,noheader,nounits'];

/** The GPUs that nvidia-smi lists, in its order; none without it or its driver. */
export async function nvidiaGpus(ports: HostPorts): Promise<readonly FoundGpu[]> {
  const result = await ports.run('nvidia-smi', QUERY);
  if (result.ok) return parseNvidia(result.output);
  if (result.failure !== 'missing') {
    ports.logger.debug({ failure: result.failure }, 'nvidia-smi gave no answer');
  }
  return [];
}

function parseNvidia(output: string): readonly FoundGpu[] {
  const found: { index: number; gpu: FoundGpu }[] = [];
  for (const line of output.split('\n')) {
    const fields = line.split(',').map((field) => field.trim());
    const [index, name, uuid, memory] = fields;
    // Also prints sentences ("No devices were found") with exit code 0.
    if (fields.length !== 4 || name === undefined || !/^\d{1,3}$/.test(index ?? '')) continue;
    const gpu: FoundGpu = {
      vendor: 'nvidia',
      name: cleanText(name) || 'NVIDIA GPU',
      ...uuidOf(uuid),
      ...memoryOf(Number(memory)), // [N/A] on chips that share the host's memory
    };
    found.push({ index: Number(index), gpu });
  }
  return found.sort((a, b) => a.index - b.index).map(({ gpu }) => gpu);
}
