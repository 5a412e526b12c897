import type { AgentRecord } from '../../../protocols/interface/index.ts';
import { type Explanation, fact, lasting, meaningOf, type Reason } from './answer.ts';
import { type Deed, deedFact } from './peer.ts';

/** An enrolment of this node that is not decided, or was refused. */
export interface EnrolmentFacts {
  readonly model: string;
  readonly gpuId: string;
  readonly hash: string;
  /** When it was signed; undefined when that is over. */
  readonly sinceMs: number | undefined;
  /** Why the leader did not take it yet. */
  readonly waitsFor: string | undefined;
  /** Why it was refused for good; undefined while it waits. */
  readonly refusal: string | undefined;
}

/** What this node knows of an agent. */
export interface AgentFacts {
  /** Token or hash, as it is written. */
  readonly ref: string;
  readonly nowMs: number;
  /** Undefined when no agent is granted under that name. */
  readonly record: AgentRecord | undefined;
  readonly retirement: Deed | undefined;
  /** As lists show it. */
  readonly status: string | undefined;
  /** The node that it lives on. */
  readonly node:
    | {
        readonly name: string;
        readonly isSelf: boolean;
        readonly verdict: string;
        readonly text: string;
        readonly because: readonly Reason[];
      }
    | undefined;
  /** The lease of its node; undefined when that never announced anything. */
  readonly lease:
    | { readonly seenMs: number; readonly isLive: boolean; readonly leaseMs: number }
    | undefined;
  /** Enrolments of this node: those of that hash, or all when it is a token. */
  readonly enrolments: readonly EnrolmentFacts[];
  readonly isLed: boolean;
  readonly appliedIndex: number;
}

/** Why an agent is not to be had, or that it is. */
export function explainAgent(facts: AgentFacts): Explanation {
  const { record } = facts;
  if (record === undefined) return notGranted(facts);
  return record.retiredIndex === null ? granted(facts, record) : retired(facts, record);
}

function notGranted({ enrolments, isLed, appliedIndex, nowMs }: AgentFacts): Explanation {
  const because: Reason[] = [
    fact('log', `no entry up to ${appliedIndex} grants it`, { index: appliedIndex }),
    ...enrolments.slice(0, 8).map((it) => enrolmentFact(it, nowMs)),
  ];
  const refused = enrolments.find(({ refusal }) => refusal !== undefined);
  if (enrolments.some(({ refusal }) => refusal === undefined)) {
    const waitsFor = enrolments.find((it) => it.waitsFor !== undefined)?.waitsFor;
    const why =
      waitsFor !== undefined ? `: ${meaningOf(waitsFor)}` : isLed ? '' : ': there is no leader now';
    const text = `its enrolment waits for the leader${why}`;
    return { verdict: 'enrolment-waiting', text, because, next: ['cooee leader', 'cooee doctor'] };
  }
  if (refused?.refusal !== undefined) {
    const text = `its enrolment was refused: ${meaningOf(refused.refusal)} (${refused.refusal})`;
    return { verdict: 'enrolment-refused', text, because, next: ['cooee enrol', 'cooee agents'] };
  }
  const text = 'no agent was ever granted under that name';
  return { verdict: 'not-granted', text, because, next: ['cooee agents', 'cooee enrol'] };
}

function enrolmentFact(
  { model, gpuId, sinceMs, waitsFor, refusal }: EnrolmentFacts,
  nowMs: number,
): Reason {
  const what = `this node's enrolment of ${model} on GPU ${gpuId}`;
  if (refusal !== undefined) return fact('node', `${what} was refused: ${refusal}`);
  const since = sinceMs === undefined ? '' : ` for ${lasting(nowMs - sinceMs)}`;
  const why = waitsFor === undefined ? '' : `; the leader said: ${waitsFor}`;
  return fact('outbox', `${what} waits${since}${why}`, { ms: sinceMs });
}

function retired({ retirement }: AgentFacts, record: AgentRecord): Explanation {
  const because = [
    ...(retirement === undefined ? [] : [deedFact(retirement, 'retired')]),
    fact('log', 'granted', { index: record.grantedIndex }),
  ];
  const by = retirement?.by === undefined ? '' : ` by ${retirement.by}`;
  const text = `${record.token} was retired${by}; its token is given to nobody else`;
  const model = /^[\w.:/-]+$/.test(record.model) ? record.model : 'MODEL';
  return { verdict: 'retired', text, because, next: [`cooee enrol --model ${model}`] };
}

function granted(facts: AgentFacts, record: AgentRecord): Explanation {
  const { status, node, lease, nowMs } = facts;
  const grant = fact('log', `granted to ${node?.name ?? record.peer}`, {
    index: record.grantedIndex,
  });
  const because = [...leaseFacts(facts), grant];
  const { token } = record;
  if (node !== undefined && !node.isSelf && node.verdict !== 'here') {
    const text = `${token} cannot be used: its node: ${node.text}`;
    const all = [...node.because, ...because];
    return { verdict: 'node-unreachable', text, because: all, next: [`cooee why ${record.peer}`] };
  }
  if (status === 'unreachable' && lease !== undefined) {
    const age = lasting(nowMs - lease.seenMs);
    const name = node?.name ?? 'its node';
    const text = `the lease of ${token} is over: ${name} is here, and its last beat is ${age} old`;
    return { verdict: 'lease-expired', text, because, next: [`cooee why ${record.peer}`] };
  }
  if (lease === undefined || status === undefined) {
    const text = `${token} is granted and was never announced`;
    return {
      verdict: 'never-announced',
      text,
      because,
      next: [`cooee announce ${token} --status idle`],
    };
  }
  if (status === 'offline') {
    const text = `${token} is granted and says that it is offline, or was never announced`;
    return { verdict: 'offline', text, because, next: [`cooee announce ${token} --status idle`] };
  }
  return { verdict: 'here', text: `${token} is there and ${status}`, because, next: [] };
}

function leaseFacts({ lease, node }: AgentFacts): Reason[] {
  if (node?.isSelf === true) return [fact('node', 'it lives on this node')];
  if (lease === undefined) return [fact('announcements', 'its node has announced nothing here')];
  const { seenMs, isLive, leaseMs } = lease;
  const text = isLive
    ? `the last beat of its node was heard; it is good for ${lasting(leaseMs)}`
    : `the last beat of its node was heard; it was good for ${lasting(leaseMs)}`;
  return [fact('announcements', text, { ms: seenMs })];
}
