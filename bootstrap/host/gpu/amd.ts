import { z } from 'zod';
import { parseJson } from '../parse-json.ts';
import type { HostPorts } from '../types.ts';
import { cleanText, type FoundGpu, memoryOf, uuidOf } from './gpu-text.ts';

const QUERY = ['--showproductname', '--showmeminfo', 'vram', '--showuniqueid', '--json'];
const BYTES_PER_MIB = 1024 * 1024;
/** Best first; their spelling changed between releases, so they are compared in lower case. */
const NAME_KEYS = ['card series', 'device name', 'card model', 'card sku'];
const cardsSchema = z.record(z.string(), z.unknown());

/** The GPUs that rocm-smi lists, by card number; none without it. */
export async function rocmGpus(ports: HostPorts): Promise<readonly FoundGpu[]> {
  const result = await ports.run('rocm-smi', QUERY);
  if (result.ok) return parseRocm(result.output, ports);
  if (result.failure !== 'missing') {
    ports.logger.debug({ failure: result.failure }, 'rocm-smi gave no answer');
  }
  return [];
}

function parseRocm(output: string, ports: HostPorts): readonly FoundGpu[] {
  const cards = cardsSchema.safeParse(parseAfterWarnings(output));
  if (!cards.success) {
    ports.logger.debug({}, 'rocm-smi printed no JSON');
    return [];
  }
  return Object.entries(cards.data)
    .flatMap(([key, value]) => {
      const number = /^card(\d{1,3})$/.exec(key)?.[1];
      const fields = cardsSchema.safeParse(value);
      return number === undefined || !fields.success ? [] : [{ number, fields: fields.data }];
    })
    .sort((a, b) => Number(a.number) - Number(b.number))
    .map(({ fields }) => cardOf(fields));
}

/** It prints warnings before the JSON, on stdout too. */
function parseAfterWarnings(output: string): unknown {
  const start = output.indexOf('{');
  return start < 0 ? undefined : parseJson(output.slice(start));
}

function cardOf(fields: Readonly<Record<string, unknown>>): FoundGpu {
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(fields)) {
    if (typeof value === 'string') texts.set(key.toLowerCase(), value);
  }
  const names = NAME_KEYS.map((key) => cleanText(texts.get(key) ?? ''));
  return {
    vendor: 'amd',
    name: names.find((name) => isName(name)) ?? 'AMD GPU',
    ...uuidOf(texts.get('unique id')),
    ...memoryOf(Number(texts.get('vram total memory (b)')) / BYTES_PER_MIB),
  };
}

/** Old releases give a PCI device number (`0x744c`) for what they do not know. */
function isName(text: string): boolean {
  return text !== '' && !/^0x[0-9a-f]+$|^n\/?a$/i.test(text);
}
