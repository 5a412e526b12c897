import { LIMITS } from '../../../protocols/interface/index.ts';
import type { AgentView, StatusView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatStatus } from '../format-status.ts';
import type { CliClient } from '../socket-client.ts';

/** Options of `cooee status`. */
export interface StatusFlags {
  readonly ready?: boolean;
}

/**
 * `cooee status`: exit 0 whenever the daemon answered; with `--ready` 1 while joining or
 * leaderless.
 */
export async function runStatus(context: CliContext, flags: StatusFlags): Promise<number> {
  const client = await context.client();
  const status = await client.call('getStatus');
  const agents = context.json ? [] : await agentsHere(client, status);
  context.answer(status, () =>
    formatStatus(status, agents, { command: context.command, colour: context.colours }),
  );
  const unready = flags.ready === true ? whyUnready(status) : undefined;
  if (unready === undefined) return 0;
  context.remark(`cooee: not ready: ${unready}\n`);
  return 1;
}

async function agentsHere(client: CliClient, status: StatusView): Promise<readonly AgentView[]> {
  if (status.role === 'joining') return [];
  const query = { peer: status.node.peer, limit: LIMITS.agentsPerHostMax };
  const { agents } = await client.call('listAgents', { query });
  return agents.filter((agent) => agent.status !== 'retired');
}

function whyUnready(status: StatusView): string | undefined {
  if (status.role === 'joining') return 'the node is joining';
  return status.slurp.leader === null ? 'the mesh has no leader' : undefined;
}
