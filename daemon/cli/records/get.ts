import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { RecordView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatFields } from '../format/table.ts';
import { linesOfValue } from './value-lines.ts';

/** `cooee get ADDRESS` */
export async function runGet(context: CliContext, address: string): Promise<number> {
  const client = await context.client();
  const record = await client.call('getRecord', { query: { address } });
  context.answer(record, () => formatRecord(context, record));
  return 0;
}

function formatRecord(context: CliContext, record: RecordView): string {
  const { dim } = context.colours;
  const { address, kind, version, versions, index, time, cause, value } = record;
  const head = formatFields(
    [
      ['address', [sanitizeLine(address)]],
      ['kind', [sanitizeLine(kind)]],
      ['version', [`${version} of ${versions}`]],
      ['since', [`${time}, by ${sanitizeLine(cause)} at index ${index}`]],
    ],
    dim,
  );
  return `${head}\n${linesOfValue(value, dim)}`;
}
