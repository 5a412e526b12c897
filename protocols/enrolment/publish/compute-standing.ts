import type { AgentRecord, StateReader } from '../../interface/index.ts';
import type { Claim } from '../codec.ts';
import { isAfter } from '../rules.ts';
import { hashOf } from './compute-requests.ts';

/** The agent with that tuple hash, granted or retired. */
function agentOf(state: StateReader, hash: string): AgentRecord | undefined {
  const token = state.get('hash', hash);
  return token === undefined ? undefined : state.get('agent', token);
}

/** Whether a claim is needed for the agent with that hash. */
export function isWanted(
  state: StateReader,
  hash: string,
  by: { readonly peer: string; readonly revive: boolean },
): boolean {
  const agent = agentOf(state, hash);
  // One of another node is asked for as well: the log refuses it with the reason.
  if (agent === undefined || agent.peer !== by.peer) return true;
  return agent.retiredIndex !== null && by.revive;
}

/** Whether the log has decided this number; then it decides no other claim under it. */
export function isDecided(state: StateReader, claim: Claim): boolean {
  return !isAfter(claim, state.get('enrolment', claim.peer));
}

/** Whether nothing is left to ask: all agents of the claim have their tokens. */
export function isGranted(state: StateReader, claim: Claim): boolean {
  // Of a decided claim an agent may have been retired since.
  const mayBeRetired = isDecided(state, claim);
  return claim.agents.every((claimed) => {
    const agent = agentOf(state, hashOf(claimed));
    if (agent?.peer !== claim.peer) return false;
    return agent.retiredIndex === null || mayBeRetired;
  });
}
