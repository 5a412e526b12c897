import type { Rivals } from '../slurp-view.ts';
import { fact, meaningOf, type Reason } from './answer.ts';

/** What stands between this node's outbox and the log. */
export interface WayFacts {
  readonly nowMs: number;
  /** Why this node acknowledges nothing any more: it was removed, or runs twice. */
  readonly verdict: string | undefined;
  /** Name of who leads; undefined when there is no leader. */
  readonly leader: string | undefined;
  readonly isLeaderReached: boolean;
  /** Recoveries of one epoch, of which none was chosen. */
  readonly rivals: Rivals | undefined;
  readonly votersUp: number;
  readonly voters: number;
  /** Names of the voters that are away. */
  readonly away: readonly string[];
  /** Why the last delivery to the leader came to nothing. */
  readonly failure:
    | {
        readonly code: string;
        readonly message: string;
        readonly atMs: number;
        /** Voters that do not hold the blocks, by name. */
        readonly without: readonly string[];
      }
    | undefined;
}

/** What is in the outbox and not decided. */
export interface WaitingFacts {
  /** When this node accepted it. */
  readonly acceptedMs: number;
  /** When a leader took it; undefined before. */
  readonly takenMs: number | undefined;
  /** Commands of the outbox that come before it. */
  readonly ahead: number;
  /** It has no place in the outbox before its blocks are held, and why they are not. */
  readonly heldBack?: { readonly failure: WayFacts['failure'] };
}

/** Why something waits: a word, and the facts. */
export interface Hindrance {
  readonly verdict: string;
  readonly text: string;
  readonly because: readonly Reason[];
  readonly next: readonly string[];
}

/** Why what this node has accepted is not in the log yet. */
export function hindranceOf(way: WayFacts, waiting: WaitingFacts): Hindrance {
  const because = [
    fact('outbox', 'accepted: it is on this disk and cannot get lost', { ms: waiting.acceptedMs }),
    ...(waiting.ahead === 0
      ? []
      : [fact('outbox', `${waiting.ahead} of this node's writes come before it`)]),
    ...(waiting.takenMs === undefined
      ? []
      : [fact('outbox', 'a leader has taken it', { ms: waiting.takenMs })]),
  ];
  const found = why(way, waiting);
  return { ...found, because: [...because, ...found.because] };
}

function why(way: WayFacts, { takenMs, heldBack }: WaitingFacts): Hindrance {
  const { verdict, leader, isLeaderReached } = way;
  const failure = heldBack === undefined ? way.failure : heldBack.failure;
  if (verdict !== undefined) {
    const text = `this node hands nothing on: ${meaningOf(verdict)}`;
    return { verdict: 'not-acknowledged', text, because: [], next: ['cooee doctor'] };
  }
  if (way.rivals !== undefined) return unchosen(way.rivals);
  const needed = Math.floor(way.voters / 2) + 1;
  const seen = voterFact(way, needed);
  if (way.votersUp < needed) {
    const up = `${way.votersUp} of ${way.voters} can be reached, ${needed} are needed`;
    const text = `it waits for a majority of the voters: ${up}`;
    return { verdict: 'no-quorum', text, because: [seen], next: ['cooee members', 'cooee doctor'] };
  }
  if (leader === undefined || !isLeaderReached) {
    const who = leader === undefined ? 'there is none now' : `${leader} cannot be reached`;
    const text = `it waits for a leader: ${who}`;
    return { verdict: 'no-leader', text, because: [seen], next: ['cooee leader', 'cooee doctor'] };
  }
  if (failure !== undefined && UNHELD_CODES.has(failure.code)) {
    const { without } = failure;
    const where = without.length === 0 ? '' : `; without them: ${without.join(', ')}`;
    const text = `it waits until a majority of the voters holds its blocks${where}`;
    const because = [fact('node', failure.message, { ms: failure.atMs }), seen];
    return { verdict: 'blocks-missing', text, because, next: ['cooee members', 'cooee doctor'] };
  }
  if (failure !== undefined) {
    const what = meaningOf(failure.code);
    const text = `the last try to hand it on failed: ${what}; it is tried again by itself`;
    const because = [
      fact('node', `${failure.code}: ${failure.message}`, { ms: failure.atMs }),
      seen,
    ];
    return { verdict: 'delivery-failing', text, because, next: ['cooee doctor'] };
  }
  const text =
    takenMs === undefined ? 'it is on its way to the leader' : 'the leader has it and commits it';
  return {
    verdict: takenMs === undefined ? 'accepted' : 'relayed',
    text,
    because: [seen],
    next: [],
  };
}

function unchosen({ epoch, here, elsewhere }: Rivals): Hindrance {
  const text = 'it waits until one of two rival recoveries of the mesh is chosen';
  const begun = `epoch ${epoch} was begun by recovery ${here} here, by ${elsewhere} elsewhere`;
  const because = [
    fact('node', begun),
    fact('node', 'choosing the one that is followed here keeps what is here; the other gives way'),
  ];
  const next = ['cooee doctor', `cooee recover --choose ${here}`];
  return { verdict: 'epoch-conflict', text, because, next };
}

/** Too few voters have the blocks, or the room for them. */
const UNHELD_CODES: ReadonlySet<string> = new Set([
  'ERR_SUBMISSION_BLOCK_MISSING',
  'ERR_SUBMISSION_BLOCKS_FULL',
]);

function voterFact(
  { votersUp, voters, away, leader, isLeaderReached }: WayFacts,
  needed: number,
): Reason {
  const gone = away.length === 0 ? '' : `; away: ${away.join(', ')}`;
  const lead = leader !== undefined && isLeaderReached ? `${leader} leads, ` : '';
  return fact(
    'connections',
    `${lead}${votersUp} of ${voters} voters can be reached, ${needed} are needed${gone}`,
  );
}
