import { CooeeError } from '../../../interface/index.ts';
import type { RaftStatus } from '../../../raft/index.ts';

/** Voters that can take over, the one that is furthest first. */
export function heirsOf({ progress, self }: RaftStatus): readonly string[] {
  return progress
    .filter((it) => it.isActive && !it.isLearner && !it.hasLostLog && it.peer !== self)
    .sort((a, b) => b.match - a.match)
    .map(({ peer }) => peer);
}

/**
 * Who is to take over: the one that is named, else the one that is furthest.
 *
 * @throws CooeeError ERR_SLURP_NO_LEADER when that one cannot, or nobody can
 */
export function heirOf(status: RaftStatus, wanted: string | undefined): string {
  const heirs = heirsOf(status);
  const heir = wanted === undefined ? heirs[0] : heirs.find((peer) => peer === wanted);
  if (heir !== undefined) return heir;
  throw new CooeeError('ERR_SLURP_NO_LEADER', 'no other voter can take over now');
}
