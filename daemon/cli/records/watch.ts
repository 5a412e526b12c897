import { parsePattern } from '../../../protocols/ucxl/index.ts';
import type { CliContext } from '../context.ts';
import { runEvents } from '../node/events.ts';

/** Options of `cooee watch`. */
export interface WatchFlags {
  readonly since?: string;
}

/** `cooee watch PATTERN`: a line an event of the records below it, until it is interrupted. */
export async function runWatch(
  context: CliContext,
  pattern: string,
  flags: WatchFlags,
): Promise<number> {
  return await runEvents(context, { ...flags, match: await matchOf(context, pattern) });
}

/** Events carry the address of the record itself: a short form is resolved to it. */
async function matchOf(context: CliContext, pattern: string): Promise<string> {
  if (!pattern.startsWith('ucxl://')) return pattern;
  if (parsePattern(pattern).kind === 'record') return pattern;
  const client = await context.client();
  return (await client.call('getRecord', { query: { address: pattern } })).address;
}
