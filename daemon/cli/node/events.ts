import { sanitizeLine, toSafeJson } from '../../../protocols/interface/text/sanitize.ts';
import type { WatchItem } from '../../client/index.ts';
import { type CliContext, writePaced } from '../context.ts';

/** Options of `cooee events`. */
export interface EventsFlags {
  readonly match?: string;
  readonly since?: string;
}

/** `cooee events`; `cooee watch PATTERN` too: writes a line an event until it is interrupted. */
export async function runEvents(context: CliContext, flags: EventsFlags): Promise<number> {
  const client = await context.client();
  const init = { match: flags.match, sinceId: flags.since };
  for await (const item of client.watch(init)) {
    const line = context.json ? jsonLine(item) : textLine(item);
    if (line !== undefined) await writePaced(context.host.stdout, `${line}\n`);
  }
  return 0;
}

/** One JSON object a line; a hole is `{"type":"gap","reason":…}`. */
function jsonLine(item: WatchItem): string | undefined {
  if (item.kind === 'open') return undefined;
  return toSafeJson(item.kind === 'event' ? item.event : { type: 'gap', reason: item.reason });
}

function textLine(item: WatchItem): string | undefined {
  if (item.kind === 'open') return undefined;
  if (item.kind === 'gap') return `gap (${item.reason}): events may be missing before this line`;
  const { time, type, address, data } = item.event;
  const parts = [time, type, address ?? '', data === null ? '' : toSafeJson(data)];
  return sanitizeLine(parts.filter((part) => part !== '').join('  '));
}
