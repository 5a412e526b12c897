import type { AgentRecord } from '../../interface/index.ts';
import type { ANNOUNCED_STATUS, AnnouncedAgent } from '../codec.ts';

/**
 * What an agent's status is: as announced, or `unreachable` when its node is silent, `offline` when
 * it was never announced, `retired` by command only.
 */
export type AgentStatus = (typeof ANNOUNCED_STATUS)[number] | 'unreachable' | 'retired';

/** An agent as programs and people see it. */
export interface AgentView {
  readonly token: string;
  readonly number: number;
  readonly gpuSlot: number;
  /** Hex. */
  readonly hash: string;
  readonly tinyHash: string;
  readonly address: string;
  readonly model: string;
  readonly hostname: string;
  readonly mac: string;
  readonly gpuId: string;
  readonly peer: string;
  readonly capabilities: readonly string[];
  readonly status: AgentStatus;
  /** Per mille; null when never announced, as are the next two. */
  readonly load: number | null;
  readonly maxTasks: number | null;
  readonly tasks: number | null;
  /** ISO 8601: the last sign of life of its node; null when the agent was never announced. */
  readonly lastSeen: string | null;
}

/** What a view is made of. */
export interface ViewSource {
  readonly record: AgentRecord;
  readonly announced: AnnouncedAgent | undefined;
  /** Whether the agent's node is alive: its lease runs and it can be reached. */
  readonly isReachable: boolean;
}

/** The status, in the order of what outweighs what. */
export function computeStatus({ record, announced, isReachable }: ViewSource): AgentStatus {
  if (record.retiredIndex !== null) return 'retired';
  if (announced === undefined) return 'offline';
  return isReachable ? announced.status : 'unreachable';
}

/** The view but for `lastSeen`, which changes with each beat of the node. */
export function computeView(source: ViewSource): Omit<AgentView, 'lastSeen'> {
  const { record, announced } = source;
  const { token, number, gpuSlot, hash, tinyHash, model, hostname, mac, gpuId, peer } = record;
  return {
    ...{ token, number, gpuSlot, hash, tinyHash, address: `ucxl://agentid:${token}` },
    ...{ model, hostname, mac, gpuId, peer },
    capabilities: announced?.capabilities ?? [],
    status: computeStatus(source),
    load: announced?.load ?? null,
    maxTasks: announced?.maxTasks ?? null,
    tasks: announced?.tasks ?? null,
  };
}

/** A capability as it is compared: `-`, `_` and space are equal, case is folded. */
export function foldTerm(text: string): string {
  return text.normalize('NFC').trim().toLowerCase().replaceAll(/[-_ ]/g, '-');
}
