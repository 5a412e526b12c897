import type { CliContext } from '../context.ts';
import { parseInteger } from '../input/numbers.ts';

const INDEX_MAX = Number.MAX_SAFE_INTEGER;

/** `cooee log proof INDEX`: the file, as JSON, with or without `--json`. */
export async function runProof(
  context: CliContext,
  text: string,
  options: { readonly after?: string },
): Promise<number> {
  const index = parseInteger(text, { name: 'INDEX', min: 1, max: INDEX_MAX });
  const anchor = parseInteger(options.after ?? '0', { name: '--after', min: 0, max: INDEX_MAX });
  const client = await context.client();
  const proof = await client.call('getProof', { params: { index }, query: { anchor } });
  context.answer(proof, () => `${JSON.stringify(proof, null, 2)}\n`);
  return 0;
}
