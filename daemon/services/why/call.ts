import type { CallRecord } from '../../../protocols/interface/index.ts';
import type { RefusedCall } from '../../mesh/seen/index.ts';
import { type Explanation, fact, lasting, meaningOf, type Reason, times } from './answer.ts';
import { hindranceOf, type WaitingFacts, type WayFacts } from './way.ts';

/** What this node knows of a call. */
export interface CallFacts {
  readonly id: string;
  readonly nowMs: number;
  /** As the log has it; undefined before. */
  readonly call: CallRecord | undefined;
  /** While it is in this node's outbox. */
  readonly waiting: WaitingFacts | undefined;
  readonly refused: RefusedCall | undefined;
  readonly way: WayFacts;
  /** Webhooks that this node tells. */
  readonly webhooks: number;
  /** Names of the humans' nodes. */
  readonly nameOf: (peer: string) => string;
}

/** Why a call is where it is. */
export function explainCall(facts: CallFacts): Explanation {
  const { call, waiting, refused, way } = facts;
  if (call !== undefined) return committed(facts, call);
  if (waiting !== undefined) return hindranceOf(way, waiting);
  if (refused === undefined) {
    const text = 'this node has never heard of it; it may wait on another node';
    return { verdict: 'unknown', text, because: [], next: ['cooee calls'] };
  }
  const { code, message, index, atMs } = refused;
  const because = [fact(index === undefined ? 'node' : 'log', message, { index, ms: atMs })];
  const text = `it was refused: ${meaningOf(code)} (${code})`;
  return { verdict: 'refused', text, because, next: ['cooee calls'] };
}

function committed(facts: CallFacts, call: CallRecord): Explanation {
  const { nameOf } = facts;
  const opened = fact('log', `opened by ${call.asker.agent ?? nameOf(call.asker.peer)}`, {
    index: call.index,
    ms: call.timeMs,
  });
  const raised =
    call.escalations === 0
      ? []
      : [fact('log', `escalated ${times(call.escalations)}, now ${call.severity}`)];
  const because = [opened, ...raised];
  if (call.state === 'answered') return answered(facts, call, because);
  if (call.state === 'expired') {
    const nor = call.escalations === 0 ? '' : ', nor after its escalations';
    const text = `nobody answered by its deadline${nor}`;
    const end = fact('log', `its policy was ${call.onTimeout}`, { ms: call.deadlineMs });
    return { verdict: 'expired', text, because: [...because, end], next: [] };
  }
  if (call.state === 'withdrawn') {
    return { verdict: 'withdrawn', text: 'its asker withdrew it', because, next: [] };
  }
  return call.claim === undefined ? open(facts, call, because) : claimed(facts, call, because);
}

function answered({ nameOf }: CallFacts, { answer }: CallRecord, because: Reason[]): Explanation {
  if (answer === undefined || answer.by === null) {
    const end = fact('log', 'its deadline passed', { index: answer?.index, ms: answer?.timeMs });
    const text = 'nobody answered by its deadline, so its policy did';
    return { verdict: 'answered-by-policy', text, because: [...because, end], next: [] };
  }
  const who = `${answer.by.human} on ${nameOf(answer.by.peer)}`;
  const { index, timeMs } = answer;
  const end = fact('log', `answered by ${who}`, { index, ms: timeMs });
  return { verdict: 'answered', text: `${who} answered it`, because: [...because, end], next: [] };
}

function claimed(
  { nowMs, nameOf, id }: CallFacts,
  call: CallRecord,
  because: Reason[],
): Explanation {
  const { claim } = call;
  if (claim === undefined) throw new TypeError('it is claimed');
  const who = `${claim.by.human} on ${nameOf(claim.by.peer)}`;
  const since = fact('log', `claimed by ${who}, claim ${claim.fence}`, { ms: claim.sinceMs });
  const leftMs = claim.untilMs - nowMs;
  const text =
    leftMs > 0
      ? `${who} works on it; the claim lapses in ${lasting(leftMs)}`
      : `${who} claimed it and did not answer in time; the claim is about to lapse`;
  const next = leftMs > 0 ? [] : [`cooee claim ${id}`];
  return { verdict: 'claimed', text, because: [...because, since, ...duty(call, nowMs)], next };
}

function open(facts: CallFacts, call: CallRecord, because: Reason[]): Explanation {
  const { nowMs, webhooks, way, id } = facts;
  const heard = fact(
    'node',
    webhooks === 0
      ? 'this node tells no webhook; who does not look at cooee calls does not hear of it from here'
      : `this node tells ${webhooks} webhook${webhooks === 1 ? '' : 's'} of calls`,
  );
  const all = [...because, ...duty(call, nowMs), heard];
  const next = [`cooee claim ${id}`];
  const lapsed = call.fence === 0 ? 'nobody has claimed it' : 'whoever claimed it let it go';
  const isDue = call.onTimeout !== 'wait' && call.deadlineMs < nowMs;
  const needed = Math.floor(way.voters / 2) + 1;
  if (isDue && (way.votersUp < needed || !way.isLeaderReached)) {
    const text = `${lapsed}, its deadline has passed, and no leader can carry out its policy now`;
    return { verdict: 'overdue', text, because: all, next: ['cooee doctor'] };
  }
  if (isDue) {
    return { verdict: 'due', text: `${lapsed}; its deadline has just passed`, because: all, next };
  }
  return { verdict: 'open', text: `it waits for a human: ${lapsed}`, because: all, next };
}

/** What the time does to it. */
function duty({ onTimeout, deadlineMs, escalations }: CallRecord, nowMs: number): Reason[] {
  const leftMs = deadlineMs - nowMs;
  const when = leftMs >= 0 ? `in ${lasting(leftMs)}` : `${lasting(-leftMs)} ago`;
  if (onTimeout === 'wait') {
    return [
      fact('log', `its deadline is ${when}, and it stays open after that`, { ms: deadlineMs }),
    ];
  }
  const does = onTimeout === 'escalate' && escalations >= 3 ? 'expire' : onTimeout;
  return [fact('log', `its deadline is ${when}; its policy is then: ${does}`, { ms: deadlineMs })];
}
