import { type Explanation, fact, meaningOf, type Reason, remedyOf } from './answer.ts';
import { hindranceOf, type WaitingFacts, type WayFacts } from './way.ts';

/** What this node knows of a submission. */
export interface SubmissionFacts {
  readonly id: string;
  /** As lists show it; undefined when this node has never heard of it. */
  readonly row:
    | {
        readonly state: string;
        readonly author: string;
        readonly acceptedAt: string;
        readonly committedAt?: string | undefined;
        readonly index?: number | undefined;
        readonly version?: number | undefined;
        readonly unresolved?: number | undefined;
        readonly decision?: SubmissionDecision | undefined;
        readonly supersededBy?: string | undefined;
        readonly refusal?: SubmissionRefusal | undefined;
      }
    | undefined;
  readonly waiting: WaitingFacts | undefined;
  readonly way: WayFacts;
  /** Blocks that the log names and that this node does not hold. */
  readonly blocksMissing: number;
  /** Members that may decide, by name. */
  readonly curators: readonly string[];
}

interface SubmissionDecision {
  readonly as: string;
  /** Who decided. */
  readonly by: string;
  readonly index: number;
  readonly at: string;
}

interface SubmissionRefusal {
  readonly code: string;
  readonly message: string;
  readonly at: string;
  readonly index?: number | undefined;
}

type Row = NonNullable<SubmissionFacts['row']>;

/** Why a submission is where it is. */
export function explainSubmission(facts: SubmissionFacts): Explanation {
  const { row, waiting, way } = facts;
  if (row === undefined) {
    const text = 'this node has never heard of it; it may wait on another node';
    return { verdict: 'unknown', text, because: [], next: ['cooee submissions'] };
  }
  if (row.refusal !== undefined) return refused(row, row.refusal);
  if (waiting !== undefined) return hindranceOf(way, waiting);
  return committed(facts, row);
}

function refused(row: Row, { code, message, at, index }: SubmissionRefusal): Explanation {
  const because = [
    fact(index === undefined ? 'node' : 'log', message, { index, ms: Date.parse(at) }),
    ...(remedyOf(code) === '' ? [] : [fact('node', `what helps: ${remedyOf(code)}`)]),
    fact('outbox', `accepted from ${row.author}`, { ms: Date.parse(row.acceptedAt) }),
  ];
  const text = `it was refused: ${meaningOf(code)} (${code})`;
  return { verdict: 'refused', text, because, next: [] };
}

function committed({ id, blocksMissing, curators }: SubmissionFacts, row: Row): Explanation {
  const { decision, supersededBy, unresolved = 0, index, version, committedAt } = row;
  const at = committedAt === undefined ? undefined : Date.parse(committedAt);
  const because: Reason[] = [
    ...(decision === undefined ? [] : [decisionFact(decision)]),
    ...(supersededBy === undefined ? [] : [fact('log', `superseded by ${supersededBy}`)]),
    fact('log', `committed as version ${version ?? 1} at its address`, { index, ms: at }),
    ...(unresolved === 0
      ? []
      : [fact('log', `${unresolved} of its links led nowhere when it was committed`)]),
    ...(blocksMissing === 0
      ? []
      : [fact('node', `${blocksMissing} of its blocks are being fetched to this node`)]),
    fact('log', `accepted from ${row.author}`, { ms: Date.parse(row.acceptedAt) }),
  ];
  if (supersededBy !== undefined) {
    const next = [`cooee why ${supersededBy}`];
    return { verdict: 'superseded', text: 'a later submission took its place', because, next };
  }
  if (decision !== undefined) {
    const text = `${decision.by} decided: ${decision.as}`;
    return { verdict: 'decided', text, because, next: [`cooee submissions ${id}`] };
  }
  const who = curators.length === 0 ? 'a curator' : `a curator: ${curators.slice(0, 4).join(', ')}`;
  const text = `it is committed and waits for ${who}`;
  return { verdict: 'undecided', text, because, next: [`cooee submissions ${id}`] };
}

function decisionFact({ as, by, index, at }: SubmissionDecision): Reason {
  return fact('log', `${as} by ${by}`, { index, ms: Date.parse(at) });
}
