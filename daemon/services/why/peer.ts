import type { MemberRecord } from '../../../protocols/interface/index.ts';
import type { TurnedAway } from '../../mesh/seen/index.ts';
import type { LivenessFacts } from '../liveness.ts';
import {
  type Explanation,
  fact,
  lasting,
  meaningOf,
  privateFact,
  type Reason,
  times,
} from './answer.ts';

/** Who did something, by the entry that says so. */
export interface Deed {
  readonly index: number;
  /** Name, and the human or the agent when one was named; undefined when the entry is not kept. */
  readonly by: string | undefined;
  readonly timeMs: number | undefined;
  /** It did so itself. */
  readonly isOwn: boolean;
}

/** What this node knows of a peer. */
export interface PeerFacts {
  readonly peer: string;
  readonly nowMs: number;
  /** The record, also of a removed one; undefined when it was never admitted. */
  readonly member: MemberRecord | undefined;
  readonly removal: Deed | undefined;
  /** It is this node. */
  readonly isSelf: boolean;
  /** Why this node acknowledges nothing any more. */
  readonly verdict: string | undefined;
  readonly isConnected: boolean;
  readonly liveness: LivenessFacts;
  readonly redial:
    | {
        readonly attempts: number;
        readonly lastError: string | undefined;
        readonly nextInMs: number | undefined;
      }
    | undefined;
  readonly turnedAway: readonly TurnedAway[];
  /** The log may go on behind what this node has applied. */
  readonly isBehind: boolean;
  readonly appliedIndex: number;
  /** The name of a member, for those that were asked. */
  readonly nameOf: (peer: string) => string;
}

/** What a program on the agent socket may have of it: not who knocked here in vain. */
export function factsForAgents(facts: PeerFacts): PeerFacts {
  return facts.member === undefined ? { ...facts, turnedAway: [] } : facts;
}

/** Why a peer is here, or is not. */
export function explainPeer(facts: PeerFacts): Explanation {
  const { member } = facts;
  if (member === undefined) return neverAdmitted(facts);
  if (member.removedIndex !== null) return removed(facts, member);
  return facts.isSelf ? self(facts, member) : present(facts, member);
}

function neverAdmitted(facts: PeerFacts): Explanation {
  const { turnedAway, appliedIndex, isBehind } = facts;
  const because: Reason[] = [
    fact('log', `no entry up to ${appliedIndex} admits it`, { index: appliedIndex }),
    ...(isBehind ? [fact('node', 'this node has not applied all of the log yet')] : []),
    ...doorFacts(facts),
  ];
  const refusal = turnedAway.find(
    ({ reason, side }) => side === 'here' && reason.startsWith('ERR_'),
  );
  if (refusal === undefined) {
    const text = 'it was never admitted to this mesh';
    return { verdict: 'never-admitted', text, because, next: ['cooee invite', 'cooee members'] };
  }
  const text = `it knocked here and was refused: ${meaningOf(refusal.reason)} (${refusal.reason})`;
  const needsInvite = refusal.reason.startsWith('ERR_MEMBERSHIP_');
  return {
    verdict: 'refused',
    text,
    because,
    next: [needsInvite ? 'cooee invite' : 'cooee doctor'],
  };
}

function removed(facts: PeerFacts, { name, addedIndex }: MemberRecord): Explanation {
  const { removal } = facts;
  const because = [
    ...(removal === undefined ? [] : [deedFact(removal, removal.isOwn ? 'left' : 'removed')]),
    fact('log', `${name} was admitted`, { index: addedIndex }),
    ...doorFacts(facts),
  ];
  if (facts.isSelf) return removedSelf(because);
  if (removal?.isOwn === true) {
    const text = `${name} left the mesh`;
    return { verdict: 'gone', text, because, next: ['cooee invite'] };
  }
  const by = removal?.by === undefined ? '' : ` by ${removal.by}`;
  const text = `${name} was removed from the mesh${by}`;
  return { verdict: 'removed', text, because, next: ['cooee invite'] };
}

/** Its own log may end before the entry that says so: the voters have told it. */
function removedSelf(because: readonly Reason[]): Explanation {
  const text = 'this node was removed from the mesh';
  return { verdict: 'removed', text, because, next: ['cooee leave', 'cooee join INVITE'] };
}

function self(facts: PeerFacts, member: MemberRecord): Explanation {
  const { verdict } = facts;
  const because = [
    fact('log', `admitted; its role now is ${member.role}`, { index: member.addedIndex }),
    ...doorFacts(facts),
  ];
  if (verdict === 'ERR_MEMBERSHIP_REMOVED') return removedSelf(because);
  if (verdict !== undefined) {
    const text = `this node acknowledges nothing: ${meaningOf(verdict)} (${verdict})`;
    return { verdict: 'shut', text, because, next: ['cooee status', 'cooee doctor'] };
  }
  return { verdict: 'here', text: 'this is the node that you ask', because, next: [] };
}

function present(facts: PeerFacts, member: MemberRecord): Explanation {
  const { liveness, isConnected, nowMs, turnedAway } = facts;
  const { name } = member;
  const because: Reason[] = [
    ...stateFacts(facts),
    ...(isConnected ? [] : dialFacts(facts)),
    ...doorFacts(facts),
    fact('log', `admitted; its role now is ${member.role}`, { index: member.addedIndex }),
  ];
  const next = ['cooee members', 'cooee doctor'];
  const clone = turnedAway.some(({ reason }) => reason === 'ERR_MEMBERSHIP_CLONE');
  if (member.isCloned || clone) {
    const text = `two daemons run as ${name}; neither is listened to until one of them starts anew`;
    return { verdict: 'clone', text, because, next: ['cooee doctor'] };
  }
  if (liveness.state === 'left') {
    const text = `${name} said goodbye: its daemon was stopped`;
    return { verdict: 'left', text, because, next: [] };
  }
  const refuses = turnedAway.find(
    ({ side, lastMs }) => side === 'there' && nowMs - lastMs < 60_000,
  );
  if (refuses !== undefined) {
    const text = `${name} refuses this node: ${meaningOf(refuses.reason)} (${refuses.reason})`;
    return { verdict: 'refuses-this-node', text, because, next: ['cooee doctor'] };
  }
  if (isConnected && liveness.state === 'alive') {
    return { verdict: 'here', text: `${name} is here and answers`, because, next: [] };
  }
  const { lastHeardMs } = liveness;
  const since =
    lastHeardMs === null ? 'since this daemon started' : `for ${lasting(nowMs - lastHeardMs)}`;
  if (liveness.state === 'unreachable') {
    const text = `${name} cannot be reached; nothing was heard of it ${since}`;
    return { verdict: 'unreachable', text, because, next };
  }
  const text = `${name} is silent ${since}; whether it is gone is being found out`;
  return { verdict: 'suspect', text, because, next };
}

function stateFacts({ liveness, nameOf }: PeerFacts): Reason[] {
  const { state, sinceMs, reason, lastHeardMs, asked } = liveness;
  const why = reason === undefined ? '' : `: ${reason}`;
  return [
    ...(sinceMs === undefined
      ? []
      : [fact('connections', `it became ${state}${why}`, { ms: sinceMs })]),
    lastHeardMs === null
      ? fact('connections', 'nothing was heard of it since this daemon runs')
      : fact('connections', 'it was last heard of', { ms: lastHeardMs }),
    ...lastAnswers(asked).map(({ peer, answer }) =>
      fact('connections', `${nameOf(peer)} was asked whether it reaches it: ${answer}`),
    ),
  ];
}

/** Each member once, with what it said last. */
function lastAnswers(asked: LivenessFacts['asked']): LivenessFacts['asked'] {
  return asked.filter(({ peer }, at) => asked.findIndex((it) => it.peer === peer) === at);
}

function dialFacts({ redial, member }: PeerFacts): Reason[] {
  const address = member?.addresses[0];
  if (address === undefined) return [fact('log', 'it has registered no address')];
  if (redial === undefined || redial.attempts === 0) {
    return [privateFact('connections', `it is dialled at ${address}`)];
  }
  const { attempts, lastError, nextInMs } = redial;
  const next = nextInMs === undefined ? '' : `; next try in ${lasting(nextInMs)}`;
  const error = lastError === undefined ? '' : `, at last: ${lastError}`;
  const dials = attempts === 1 ? 'a dial' : `${attempts} dials`;
  return [privateFact('connections', `${dials} of it failed${error}${next}`)];
}

function doorFacts({ turnedAway }: PeerFacts): Reason[] {
  return turnedAway.slice(0, 8).map(({ reason, side, count, lastMs }) => {
    const what = side === 'here' ? 'it was turned away here' : 'it turned this node away';
    return privateFact('door', `${what} ${times(count)}: ${reason}`, { ms: lastMs });
  });
}

/** An entry as a fact. */
export function deedFact({ index, by, timeMs }: Deed, what: string): Reason {
  const who = by === undefined ? '; who did it is not kept here any more' : ` by ${by}`;
  return fact('log', `${what}${who}`, { index, ms: timeMs });
}
