import { isCooeeError } from '../../../../protocols/interface/index.ts';
import type { CallRow } from '../../../api/routes/index.ts';
import type { CliHost } from '../../context.ts';
import type { CliClient } from '../../socket-client.ts';
import { listAll } from '../find.ts';
import { patiently } from '../patience.ts';

/** Calls that a live list holds. */
const CALLS_MAX = 5_000;

/** What happened: all that is open was read anew, or one call changed. */
export type CallNews =
  | { readonly type: 'all'; readonly calls: readonly CallRow[] }
  | { readonly type: 'one'; readonly call: CallRow };

/**
 * The calls that are open or claimed, and every change from then on. Where events may have been
 * missed, all are read anew.
 */
export async function* followCalls(
  host: Pick<CliHost, 'delay'>,
  client: CliClient,
  signal?: AbortSignal,
): AsyncGenerator<CallNews, void, undefined> {
  const stop = signal === undefined ? {} : { signal };
  for await (const item of client.watch({ match: 'call:*', opens: true, ...stop })) {
    if (item.kind !== 'event') {
      const { calls } = await patiently(host, () =>
        listAll(client, { state: 'active' }, CALLS_MAX),
      );
      yield { type: 'all', calls };
      continue;
    }
    const id = idOf(item.event.data);
    const call = id === undefined ? undefined : await patiently(host, () => read(client, id));
    if (call !== undefined) yield { type: 'one', call };
  }
}

function idOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || !('id' in data)) return undefined;
  return typeof data.id === 'string' ? data.id : undefined;
}

/** Undefined when it is not there: the state was replaced meanwhile. */
async function read(client: CliClient, id: string): Promise<CallRow | undefined> {
  try {
    return await client.call('getCall', { params: { id } });
  } catch (error) {
    if (isCooeeError(error, 'ERR_HELP_UNKNOWN')) return undefined;
    throw error;
  }
}
