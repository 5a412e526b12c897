import { LIMITS } from '../../../protocols/interface/index.ts';
import type { AgentStatus, AgentsView, AgentView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { parseInteger } from '../input/numbers.ts';
import { findPeer } from '../mesh/members.ts';
import type { CliClient } from '../socket-client.ts';
import { answerWrite, COMMITTED } from '../write.ts';
import { formatAgents } from './columns.ts';

/** Filters of `cooee agents`. */
export interface AgentsFlags {
  readonly capability?: string;
  readonly status?: AgentStatus;
  readonly model?: string;
  readonly q?: string;
  readonly limit?: string;
}

/** `cooee agents`: all that fit, however many pages that takes, unless `--limit` says less. */
export async function runAgents(context: CliContext, flags: AgentsFlags): Promise<number> {
  const { limit, ...filters } = flags;
  const bounds = { name: '--limit', min: 1, max: 1_000_000 };
  const countMax = limit === undefined ? Infinity : parseInteger(limit, bounds);
  const client = await context.client();
  const answer = await listAgents(client, filters, countMax);
  context.answer(answer, () => formatAgents(context, answer.agents));
  if (answer.agents.length === 0) context.remark('cooee: no such agents\n');
  else if (answer.cursor !== null) context.remark('cooee: there are more; raise --limit\n');
  return 0;
}

/** `cooee agents rebind TOKEN PEER` */
export async function runRebind(context: CliContext, token: string, text: string): Promise<number> {
  const client = await context.client();
  const peer = await findPeer(client, text);
  const write = await client.call('rebindAgent', {
    params: { token },
    query: COMMITTED,
    body: { peer },
  });
  return answerWrite(context, write, `the host of ${token} belongs to ${peer}`);
}

/** Pages through the list until it has `countMax` agents or all. */
export async function listAgents(
  client: CliClient,
  filters: Omit<AgentsFlags, 'limit'>,
  countMax: number,
): Promise<AgentsView> {
  const agents: AgentView[] = [];
  let cursor: string | null = null;
  do {
    const limit = Math.min(LIMITS.listItemsMax, countMax - agents.length);
    const page: AgentsView = await client.call('listAgents', {
      query: { ...filters, limit, ...(cursor === null ? {} : { cursor }) },
    });
    agents.push(...page.agents);
    cursor = page.cursor;
  } while (cursor !== null && agents.length < countMax);
  return { agents, cursor };
}
