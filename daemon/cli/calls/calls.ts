import { CooeeError, LIMITS } from '../../../protocols/interface/index.ts';
import type { QueryInputOf } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { findActor } from '../input/actor.ts';
import { parseInteger } from '../input/numbers.ts';
import { findCall, listAll } from './find.ts';
import { formatCall, formatCalls } from './format.ts';

type ListQuery = NonNullable<QueryInputOf<'listCalls'>>;

/** Options of `cooee calls`. */
export interface CallsFlags {
  readonly state?: ListQuery['state'] | 'all';
  readonly severity?: ListQuery['severity'];
  readonly asker?: string;
  readonly limit?: string;
  readonly watch?: boolean;
  readonly plain?: boolean;
  readonly by?: string;
}

/** `cooee calls [ID]` */
export async function runCalls(
  context: CliContext,
  id: string | undefined,
  flags: CallsFlags,
): Promise<number> {
  if (flags.watch === true) return await watch(context, id, flags);
  const client = await context.client();
  if (id !== undefined) {
    const params = { id: await findCall(client, id) };
    const call = await client.call('getCall', { params });
    context.answer(call, () => formatCall(context, call));
    return 0;
  }
  const { limit, state = 'active', severity, asker } = flags;
  const bounds = { name: '--limit', min: 1, max: 1_000_000 };
  const countMax = limit === undefined ? LIMITS.listItemsDefault : parseInteger(limit, bounds);
  const filters = {
    ...(state === 'all' ? {} : { state }),
    ...(severity === undefined ? {} : { severity }),
    ...(asker === undefined ? {} : { asker: await findActor(client, asker) }),
  };
  const answer = await listAll(client, filters, countMax);
  context.answer(answer, () => formatCalls(context, answer.calls));
  if (answer.calls.length === 0) context.remark('cooee: no such calls\n');
  else if (answer.cursor !== null) context.remark('cooee: there are more; raise --limit\n');
  return 0;
}

async function watch(
  context: CliContext,
  id: string | undefined,
  { plain, by }: CallsFlags,
): Promise<number> {
  if (id !== undefined) throw new CooeeError('ERR_API_USAGE', '--watch shows all open calls');
  const { host, json } = context;
  const isLive = plain !== true && !json && host.stdin.isTTY === true && host.stdout.isTTY === true;
  if (!isLive) return await (await import('./watch/lines.ts')).runLines(context);
  return await (await import('./watch/live.ts')).runLive(context, by ?? host.user);
}
