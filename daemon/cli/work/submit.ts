import { CooeeError } from '../../../protocols/interface/index.ts';
import type { BodyInputOf, SubmittedView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { readJson } from '../input/json-source.ts';
import { withProgress } from '../progress.ts';
import { COMMITTED_PATIENTLY, notCommitted } from '../write.ts';

/** Arguments and options of `cooee submit`. */
export interface SubmitInput {
  readonly kind: 'dr' | 'pr' | undefined;
  readonly file: string | undefined;
  readonly wait?: boolean;
}

/**
 * `cooee submit dr|pr FILE`: a kind that is missing in the file is filled in; another one is a
 * slip.
 */
export async function runSubmit(context: CliContext, input: SubmitInput): Promise<number> {
  const { kind, file } = input;
  if (kind === undefined || file === undefined) {
    throw new CooeeError('ERR_API_USAGE', 'submit needs a kind (dr or pr) and a file, or -');
  }
  const read = await readJson(context.host, file);
  if (typeof read !== 'object' || read === null || Array.isArray(read)) {
    throw new CooeeError('ERR_API_USAGE', `${file} holds no JSON object`);
  }
  // What is handed in stays in the log for good.
  if ('kind' in read && read.kind !== kind) {
    const named = JSON.stringify(read.kind).slice(0, 40);
    throw new CooeeError('ERR_API_USAGE', `${file} says that its kind is ${named}, not "${kind}"`);
  }
  // The daemon checks it against the schema.
  const body = { kind, ...read } as BodyInputOf<'submit'>;
  const client = await context.client();
  const query = input.wait === true ? COMMITTED_PATIENTLY : {};
  const call = (): Promise<SubmittedView> => client.call('submit', { query, body });
  const answer =
    input.wait === true
      ? await withProgress(context.host.stderr, 'waiting for the commit', call)
      : await call();
  context.answer(answer, () => `${answer.id}\n`);
  if (answer.state === 'committed') return 0;
  if (input.wait === true) throw notCommitted(answer);
  context.remark(
    `cooee: ${answer.state}; ${context.command} submissions ${answer.id} shows how far it is\n`,
  );
  return 0;
}
