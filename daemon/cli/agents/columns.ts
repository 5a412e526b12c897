import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { AgentView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatAgo } from '../format/duration.ts';
import { type Column, formatFields, formatTable } from '../format/table.ts';

/** Agents as a table for people. */
export function formatAgents(context: CliContext, agents: readonly AgentView[]): string {
  return formatTable(agentColumns(context), agents, { titleStyle: context.colours.dim });
}

/** All of one agent, a line a field. */
export function formatAgent(context: CliContext, agent: AgentView): string {
  const tasks = agent.tasks === null ? '-' : `${agent.tasks} of ${agent.maxTasks ?? 'any number'}`;
  const fields: [string, string][] = [
    ['token', agent.token],
    ['address', agent.address],
    ['number', `#${agent.number}, slot ${agent.gpuSlot}`],
    ['model', agent.model],
    ['hostname', agent.hostname],
    ['mac', agent.mac],
    ['gpu', agent.gpuId],
    ['status', agent.status],
    ['capabilities', agent.capabilities.join(', ')],
    ['load', agent.load === null ? '' : `${agent.load} per mille`],
    ['tasks', tasks],
    ['peer', agent.peer],
    ['seen', seen(agent, context.host.nowMs())],
    ['tiny hash', agent.tinyHash],
    ['hash', agent.hash],
  ];
  if (agent.source === 'dht') fields.push(['source', 'the DHT: this node lags behind']);
  return formatFields(
    fields.map(([label, value]) => [label, [sanitizeLine(value) || '-']] as const),
    context.colours.dim,
  );
}

function seen(agent: AgentView, nowMs: number): string {
  return agent.lastSeen === null ? '' : formatAgo(Date.parse(agent.lastSeen), nowMs);
}

function agentColumns(context: CliContext): Column<AgentView>[] {
  const { green, yellow, red, dim } = context.colours;
  const paint = {
    idle: green,
    busy: yellow,
    draining: yellow,
    offline: dim,
    unreachable: red,
    retired: dim,
  };
  const nowMs = context.host.nowMs();
  return [
    { title: 'TOKEN', text: (row) => row.token },
    { title: 'MODEL', text: (row) => row.model, columnsMax: 40 },
    { title: 'HOST', text: (row) => row.hostname, columnsMax: 32 },
    { title: 'GPU', text: (row) => row.gpuId },
    { title: 'STATUS', text: (row) => row.status, style: (cell, row) => paint[row.status](cell) },
    { title: 'SEEN', text: (row) => seen(row, nowMs) },
    { title: 'CAPABILITIES', text: (row) => row.capabilities.join(', '), columnsMax: 60 },
  ];
}
