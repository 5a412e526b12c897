import type { Rivals } from '../slurp-view.ts';
import { type DoctorLine, fail, ok, warn } from './line.ts';

/** Who leads, and whether the voters can decide anything. */
export interface LeaderFacts {
  readonly isLeader: boolean;
  /** Name of the leader that is believed; undefined when there is none. */
  readonly leader: string | undefined;
  readonly isLeaderConnected: boolean;
  readonly term: number;
  /** The voters and which of them are here or connected. */
  readonly voters: readonly { readonly name: string; readonly isUp: boolean }[];
  readonly rivals: Rivals | undefined;
}

const CHOOSE =
  'On a node of the branch that is to go on: cooee recover --choose ID, with the id that ' +
  'epoch-conflict shows for it there; see docs/backup-and-recovery.md.';

/** Is there a leader? */
export function judgeLeader({
  isLeader,
  leader,
  isLeaderConnected,
  term,
  rivals,
}: LeaderFacts): DoctorLine {
  if (rivals !== undefined) {
    const cause = 'nobody leads: the mesh was recovered twice, and what is handed in waits';
    return fail('leader', cause, CHOOSE);
  }
  if (isLeader) return ok('leader', `this node leads, term ${term}`);
  if (leader !== undefined && isLeaderConnected)
    return ok('leader', `${leader} leads, term ${term}`);
  const remedy = 'Start the voters that are away, or check the network: cooee members';
  return leader === undefined
    ? fail('leader', 'there is none; what is handed in waits', remedy)
    : fail('leader', `${leader} led last and cannot be reached; what is handed in waits`, remedy);
}

/** Is a majority of the voters there? */
export function judgeQuorum({ voters, isLeader, rivals }: LeaderFacts): DoctorLine {
  if (rivals !== undefined) {
    const cause = `the voters agree on nothing until a recovery of epoch ${rivals.epoch} is chosen`;
    return fail('quorum', cause, CHOOSE);
  }
  const up = voters.filter(({ isUp }) => isUp).length;
  const needed = Math.floor(voters.length / 2) + 1;
  const away = voters.filter(({ isUp }) => !isUp).map(({ name }) => name);
  const text = `${up} of ${voters.length} voters ${voters.length === 1 ? 'is' : 'are'} up`;
  if (voters.length === 0)
    return warn('quorum', 'it is not known yet who votes', 'Look again in a moment.');
  if (up < needed) {
    // A node that sees only itself cannot know about the rest: it is not sure that nobody decides.
    const seen = isLeader ? '' : ', as far as this node sees';
    return fail(
      'quorum',
      `${text}${seen}, ${needed} are needed; away: ${away.join(', ')}`,
      `Start ${away.join(', ')}: without them nothing is committed; see docs/operations.md.`,
    );
  }
  if (away.length === 0) return ok('quorum', text);
  const spare = up - needed;
  const more = spare === 0 ? 'none more may go' : `${spare} more may go`;
  return warn('quorum', `${text}, ${more}; away: ${away.join(', ')}`, `Start ${away.join(', ')}.`);
}
