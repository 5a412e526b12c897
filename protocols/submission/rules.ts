import { type ApplyContext, MEMBER_ROLES, type StateReader } from '../interface/index.ts';

/**
 * Whether whoever acts decides over the work of others: the node of a curator (or admin), or a
 * human there, and never an agent on it.
 */
export function isCurator(
  state: StateReader,
  { actor, origin }: Pick<ApplyContext, 'actor' | 'origin'>,
): boolean {
  const member = state.get('member', origin);
  if (member === undefined || member.removedIndex !== null || actor.agent !== undefined)
    return false;
  return MEMBER_ROLES.indexOf(member.role) >= MEMBER_ROLES.indexOf('curator');
}
