import { CooeeError, LIMITS } from '../../../protocols/interface/index.ts';
import type { CallRow, CallsView, QueryInputOf } from '../../api/routes/index.ts';
import type { CliClient } from '../socket-client.ts';

const ID = /^bafyrei[a-z2-7]{52}$/;
/** All ids begin alike, so a beginning must reach past that. */
const BEGINNING_LENGTH_MIN = 9;
const END_LENGTH_MIN = 4;
/** Calls that are looked through for a part of an id, the newest first. */
const LOOKED_MAX = 10_000;

/** Filters of the list. */
type Filters = Omit<QueryInputOf<'listCalls'>, 'cursor' | 'limit'>;

/** The end of an id, by which people tell calls apart. */
export function shortId(id: string): string {
  return id.slice(-8);
}

/**
 * The id that a person meant: a whole one, or the beginning or end of exactly one call's: of one
 * that is open or claimed before all others.
 *
 * @throws CooeeError ERR_HELP_UNKNOWN, ERR_API_USAGE when several fit
 */
export async function findCall(client: CliClient, text: string): Promise<string> {
  if (ID.test(text)) return text;
  const open = await listAll(client, { state: 'active' }, LOOKED_MAX);
  const found = matchCalls(open.calls, text);
  if (found.length > 0) return oneOf(found, text);
  const all = await listAll(client, {}, LOOKED_MAX);
  return oneOf(matchCalls(all.calls, text), text);
}

/** Those whose id begins or ends so. */
export function matchCalls(calls: readonly CallRow[], text: string): readonly CallRow[] {
  return calls.filter(
    ({ id }) =>
      id === text ||
      (text.length >= BEGINNING_LENGTH_MIN && id.startsWith(text)) ||
      (text.length >= END_LENGTH_MIN && id.endsWith(text)),
  );
}

/** Pages through the list until it has `countMax` or all. */
export async function listAll(
  client: CliClient,
  filters: Filters,
  countMax: number,
): Promise<CallsView> {
  const calls: CallRow[] = [];
  let cursor: string | null = null;
  do {
    const limit = Math.min(LIMITS.listItemsMax, countMax - calls.length);
    const page: CallsView = await client.call('listCalls', {
      query: { ...filters, limit, ...(cursor === null ? {} : { cursor }) },
    });
    calls.push(...page.calls);
    cursor = page.cursor;
  } while (cursor !== null && calls.length < countMax);
  return { calls, cursor };
}

function oneOf(found: readonly CallRow[], text: string): string {
  const [first] = found;
  if (first === undefined) {
    throw new CooeeError('ERR_HELP_UNKNOWN', `no call has an id like "${text}"`, {
      remedy:
        `Give the id, its first ${BEGINNING_LENGTH_MIN} or last ${END_LENGTH_MIN} characters, ` +
        'or more; cooee calls lists the open ones.',
    });
  }
  if (found.length > 1) {
    throw new CooeeError('ERR_API_USAGE', `"${text}" fits ${found.length} calls`, {
      remedy: `Give the id of one: ${found
        .slice(0, 5)
        .map(({ id }) => id)
        .join(' ')}`,
    });
  }
  return first.id;
}
