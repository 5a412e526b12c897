import { CooeeError } from '../../../protocols/interface/index.ts';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { WhyView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatAgo } from '../format/duration.ts';
import { wrapWidth } from '../format/wrap.ts';
import { asTyped } from '../report-error.ts';

const COLUMNS_DEFAULT = 100;
const COLUMNS_MIN = 40;

/** `cooee why THING`: what is known of it here. Exit 2 when it may be several things. */
export async function runWhy(context: CliContext, thing: string): Promise<number> {
  if (thing.trim() === '') {
    throw new CooeeError('ERR_API_USAGE', 'the thing to explain is empty', {
      remedy: 'See: cooee why --help',
    });
  }
  const client = await context.client();
  const why = await client.call('getWhy', { query: { thing } });
  context.answer(why, () => formatWhy(context, why));
  return why.kind === 'several' ? 2 : 0;
}

function formatWhy(context: CliContext, why: WhyView): string {
  const { bold, dim } = context.colours;
  const columns = Math.max(context.host.stdout.columns ?? COLUMNS_DEFAULT, COLUMNS_MIN);
  const head = why.kind === 'several' ? sanitizeLine(why.thing) : `${why.kind} ${why.id}`;
  let text = `${bold(sanitizeLine(head))}\n${wrapped(why.text, { columns, first: '', rest: '' })}`;
  for (const { fact, at, index } of why.because) {
    const where = [
      // What is to come stands in the text.
      ...(at === undefined || Date.parse(at) > context.host.nowMs()
        ? []
        : [formatAgo(Date.parse(at), context.host.nowMs())]),
      ...(index === undefined ? [] : [`entry ${index}`]),
    ].join(', ');
    const line = where === '' ? fact : `${fact} (${where})`;
    text += wrapped(line, { columns, first: '  · ', rest: '    ' });
  }
  for (const command of why.next) {
    text += dim(`  → ${sanitizeLine(asTyped(command, context.command))}`);
    text += '\n';
  }
  return text;
}

function wrapped(
  text: string,
  {
    columns,
    first,
    rest,
  }: { readonly columns: number; readonly first: string; readonly rest: string },
): string {
  const lines = wrapWidth(sanitizeLine(text), columns - first.length);
  return lines.map((line, at) => `${at === 0 ? first : rest}${line}\n`).join('');
}
