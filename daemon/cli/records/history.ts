import { LIMITS } from '../../../protocols/interface/index.ts';
import type { HistoryView, VersionView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatTable } from '../format/table.ts';
import { parseInteger } from '../input/numbers.ts';
import type { CliClient } from '../socket-client.ts';

/** Options of `cooee history`. */
export interface HistoryFlags {
  readonly walk?: readonly string[];
  readonly limit?: string;
}

const BOUNDS = { name: '--limit', min: 1, max: 1_000_000 };

/** `cooee history ADDRESS [--walk RELATION]` */
export async function runHistory(
  context: CliContext,
  address: string,
  { walk, limit }: HistoryFlags,
): Promise<number> {
  const client = await context.client();
  const countMax = limit === undefined ? LIMITS.listItemsDefault : parseInteger(limit, BOUNDS);
  if (walk !== undefined) {
    const query = { address, walk: walk.join(','), limit: Math.min(countMax, LIMITS.listItemsMax) };
    const answer = await client.call('getHistory', { query });
    context.answer(answer, () => formatWalk(context, answer));
    if (answer.cut !== undefined) {
      context.remark(`cooee: there is more: the walk ended at its bound of ${answer.cut}\n`);
    }
    return 0;
  }
  const answer = await listVersions(client, address, countMax);
  context.answer(answer, () => formatVersions(context, answer.versions));
  if (answer.cursor !== null) context.remark('cooee: there are more; raise --limit\n');
  return 0;
}

/** Pages through the versions until it has `countMax` or all. */
async function listVersions(
  client: CliClient,
  address: string,
  countMax: number,
): Promise<HistoryView> {
  const versions: VersionView[] = [];
  let page: HistoryView | undefined;
  do {
    const cursor = page?.cursor ?? undefined;
    const limit = Math.min(LIMITS.listItemsMax, countMax - versions.length);
    const query = { address, limit, ...(cursor === undefined ? {} : { cursor }) };
    page = await client.call('getHistory', { query });
    versions.push(...page.versions);
  } while (page.cursor !== null && versions.length < countMax);
  return { ...page, versions };
}

function formatVersions(context: CliContext, versions: readonly VersionView[]): string {
  return formatTable(
    [
      { title: 'VERSION', text: ({ version }) => String(version) },
      { title: 'INDEX', text: ({ index }) => String(index) },
      { title: 'TIME', text: ({ time }) => time },
      { title: 'CAUSE', text: ({ cause }) => cause },
      { title: 'WHAT', text: whatOf, columnsMax: 80 },
    ],
    versions,
    { titleStyle: context.colours.dim },
  );
}

/** Of a submission its title, of all else the beginning of its value. */
function whatOf({ title, value }: VersionView): string {
  return title ?? JSON.stringify(value ?? '').slice(0, 200);
}

/** The records by their steps from the start, and below them where links lead nowhere. */
function formatWalk(context: CliContext, { versions, links = [] }: HistoryView): string {
  const { dim } = context.colours;
  const wayTo = ({ address, version, depth }: VersionView): string => {
    if (depth === 0) return 'start';
    const link = links.find(({ to }) => to?.address === address && to?.version === version);
    return link?.rel ?? '';
  };
  const records = formatTable(
    [
      { title: 'STEPS', text: ({ depth }) => String(depth ?? 0) },
      { title: 'BY', text: wayTo },
      { title: 'VERSION', text: ({ version }) => String(version) },
      { title: 'WHAT', text: whatOf, columnsMax: 50 },
      { title: 'ADDRESS', text: ({ address = '' }) => address },
    ],
    versions,
    { titleStyle: dim },
  );
  const unresolved = formatTable(
    [
      { title: 'UNRESOLVED', text: ({ rel }) => rel },
      { title: 'WHY', text: ({ problem = '' }) => problem },
      { title: 'FROM', text: ({ from }) => from.address },
      { title: 'ADDRESS', text: ({ address }) => address },
    ],
    links.filter(({ to }) => to === undefined),
    { titleStyle: dim },
  );
  return unresolved === '' ? records : `${records}\n${unresolved}`;
}
