import { sanitizeLine } from '../../protocols/interface/text/sanitize.ts';
import type { AgentView, StatusView } from '../api/routes/index.ts';
import { formatFields } from './format/table.ts';
import { asTyped } from './report-error.ts';

/** Options of {@link formatStatus}. */
export interface FormatStatusOptions {
  /** How the user calls this program again: `npx cooee`, `cooee`, `cooee --home /x`. */
  readonly command: string;
  /** Colours for a terminal; every fact is in the words as well. */
  readonly colour?: StatusColours | undefined;
}

/** The colours that {@link formatStatus} uses; picocolors has them all. */
export interface StatusColours {
  dim(text: string): string;
  bold(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  red(text: string): string;
}

/** The agents of a host that are listed; more are counted. */
const AGENTS_SHOWN_MAX = 8;

const plain = (text: string): string => text;
const NO_COLOURS: StatusColours = {
  dim: plain,
  bold: plain,
  green: plain,
  yellow: plain,
  red: plain,
};

/**
 * The state of a node on one screen: mesh, node, leader, peers, addresses, sockets, agents of this
 * host, raised conditions, and the next command to type. Used by `status` and by `up` when the node
 * is ready.
 *
 * @param agents - the agents of this host
 */
export function formatStatus(
  status: StatusView,
  agents: readonly AgentView[],
  options: FormatStatusOptions,
): string {
  const colours = options.colour ?? NO_COLOURS;
  const { node, peers, outbox } = status;
  const fields: [string, string[]][] = [
    ['mesh', [meshLine(status)]],
    ['node', [`${colours.bold(sanitizeLine(node.name))}  ${roleOf(status)}`]],
    ['peer', [node.peer]],
    ['leader', [leaderLine(status, colours)]],
    ['peers', [`${peers.connected} connected, ${count(peers.members, 'member')} in the mesh`]],
    ['addresses', node.addresses.map(sanitizeLine)],
    ['sockets', [`${node.socket}  (operator)`, `${node.agentSocket}  (agents)`]],
    ['home', [node.home]],
    ['agents', agentLines(agents)],
  ];
  if (outbox.waiting > 0) fields.push(['outbox', [`${outbox.waiting} waiting for the leader`]]);
  const parts = [formatFields(fields, colours.dim)];
  const conditions = status.health.conditions.map((it) => conditionLines(it, options, colours));
  if (conditions.length > 0) parts.push(conditions.join(''));
  parts.push(`${colours.dim('next')}  ${nextStep(status, agents, options.command)}\n`);
  return parts.join('\n');
}

/** `1 member`, `2 members`. */
function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function meshLine({ mesh }: StatusView): string {
  const name = sanitizeLine(mesh.name);
  if (mesh.id === '') return name === '' ? '(none yet)' : name;
  return name === '' ? mesh.id : `${name}  ${mesh.id}`;
}

function roleOf(status: StatusView): string {
  return status.memberRole === null ? status.role : `${status.memberRole}, ${status.role}`;
}

function leaderLine({ slurp }: StatusView, colours: StatusColours): string {
  if (slurp.leader === null) return colours.yellow('none right now');
  const who = slurp.isLeader ? colours.green('this node') : slurp.leader;
  const waiting = slurp.commitIndex - slurp.appliedIndex;
  const lag = waiting > 0 ? ` (${waiting} behind)` : '';
  const epoch = slurp.epoch > 0 ? `epoch ${slurp.epoch}, ` : '';
  return `${who}  ${epoch}term ${slurp.term}, index ${slurp.appliedIndex}${lag}`;
}

function agentLines(agents: readonly AgentView[]): string[] {
  if (agents.length === 0) return ['none on this host'];
  const lines = agents
    .slice(0, AGENTS_SHOWN_MAX)
    .map(
      (agent) =>
        `${agent.token}  ${sanitizeLine(agent.model)}  gpu ${agent.gpuId}  ${agent.status}`,
    );
  const rest = agents.length - lines.length;
  return rest > 0 ? [...lines, `and ${rest} more`] : lines;
}

function conditionLines(
  condition: StatusView['health']['conditions'][number],
  options: FormatStatusOptions,
  colours: StatusColours,
): string {
  const paint = { info: plain, warn: colours.yellow, error: colours.red }[condition.severity];
  const head = paint(`${condition.severity}: ${condition.code}`);
  const remedy = sanitizeLine(asTyped(condition.remedy, options.command));
  return `${head}  ${sanitizeLine(condition.text)}\n  ${remedy}`.trimEnd().concat('\n');
}

function nextStep(status: StatusView, agents: readonly AgentView[], command: string): string {
  if (status.role === 'joining') return `${command} doctor   (why it has not joined yet)`;
  if (status.health.conditions.some(({ code }) => code === 'removed')) {
    return `${command} leave   (then join again, with a new invite)`;
  }
  if (status.peers.members <= 1 && status.memberRole === 'admin') {
    return `${command} invite   (prints an invite for the next host)`;
  }
  if (agents.length === 0) return `${command} enrol   (gives the models of this host their ids)`;
  return `${command} agents   (lists the agents of the mesh)`;
}
