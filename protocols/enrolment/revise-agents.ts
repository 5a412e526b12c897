import {
  type AgentRecord,
  type RevisionCause,
  revise,
  type StateWriter,
} from '../interface/index.ts';
import { agentAddress } from '../ucxl/index.ts';

/**
 * Keeps a new version of every agent that a command changed, and of the list of each number that
 * has one of them: one of a list, however many of its agents changed.
 */
export function reviseAgents(
  state: StateWriter,
  agents: readonly AgentRecord[],
  cause: RevisionCause,
): void {
  const numbers = new Set<number>();
  for (const agent of agents) {
    revise(state, agentAddress(agent.number, agent.gpuSlot), cause, agent);
    numbers.add(agent.number);
  }
  for (const number of numbers) {
    const slots: Record<string, number> = {};
    for (const slot of Object.keys(state.get('number', String(number))?.slots ?? {})) {
      slots[slot] = state.get('revised', agentAddress(number, Number(slot))) ?? 0;
    }
    revise(state, agentAddress(number), cause, { slots });
  }
}
