import { CooeeError } from '../../../protocols/interface/index.ts';
import { submissionJsonSchema } from '../../api/routes/submissions.ts';
import type { CliContext } from '../context.ts';

/** `cooee submit --schema KIND`: the JSON Schema that the file must meet. Needs no daemon. */
export function runSchema(context: CliContext, kind: string | undefined): number {
  if (kind !== 'dr' && kind !== 'pr') {
    throw new CooeeError('ERR_API_USAGE', '--schema needs a kind: dr or pr');
  }
  const schema = submissionJsonSchema(kind);
  context.answer(schema, () => `${JSON.stringify(schema, undefined, 2)}\n`);
  return 0;
}
