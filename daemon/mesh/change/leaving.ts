import { isCooeeError, type StateReader } from '../../../protocols/interface/index.ts';
import type { NodeLife } from '../node-life.ts';

const LEAVE_TIMEOUT_MS = 10_000;

/** Whether nobody but this member is in that mesh, and nothing of anybody else. */
export function isAlone(state: StateReader, self: string): boolean {
  for (const [peer, member] of state.entries('member')) {
    if (peer !== self && member.removedIndex === null) return false;
  }
  for (const [, agent] of state.entries('agent')) if (agent.peer !== self) return false;
  return true;
}

/**
 * Has the mesh remove this node.
 *
 * @throws CooeeError ERR_MEMBERSHIP_LAST_ADMIN, ERR_MEMBERSHIP_LAST_VOTER, ERR_SLURP_NO_LEADER
 */
export async function sayGoodbye(node: NodeLife): Promise<void> {
  try {
    await node.vacate(node.self);
    await node.parts.writer.commit('member.remove', { peer: node.self }, LEAVE_TIMEOUT_MS);
  } catch (error) {
    // The mesh may close the door before its answer is through: then it has heard the goodbye.
    if (!isCooeeError(error, 'ERR_MEMBERSHIP_REMOVED')) throw error;
  }
}
