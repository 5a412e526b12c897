// Goal: each situation has its own verdict, with the facts that lead to it and what to type next.
// Method: one table a kind: what differs from a thing that is well, the verdict, telling words.
import { describe, expect, it } from 'vitest';
import type { TurnedAway } from '../../../../../daemon/mesh/seen/index.ts';
import { type AgentFacts, explainAgent } from '../../../../../daemon/services/why/agent.ts';
import { lasting, meaningOf, times } from '../../../../../daemon/services/why/answer.ts';
import { type CallFacts, explainCall } from '../../../../../daemon/services/why/call.ts';
import {
  explainPeer,
  factsForAgents,
  type PeerFacts,
} from '../../../../../daemon/services/why/peer.ts';
import {
  explainSubmission,
  type SubmissionFacts,
} from '../../../../../daemon/services/why/submission.ts';
import { hindranceOf, type WayFacts } from '../../../../../daemon/services/why/way.ts';
import type {
  AgentRecord,
  CallRecord,
  MemberRecord,
} from '../../../../../protocols/interface/index.ts';
import type { Command } from '../../../../../protocols/slurp/index.ts';

const NOW = 1_800_000_000_000;

/** The verdict, and that some sentence of the answer has the words. */
function expectWhy(
  got: ReturnType<typeof explainPeer>,
  verdict: string,
  words: string | RegExp,
): void {
  const said = [got.text, ...got.because.map(({ fact }) => fact), ...got.next].join('\n');
  expect([got.verdict, said]).toEqual([
    verdict,
    typeof words === 'string' ? expect.stringContaining(words) : expect.stringMatching(words),
  ]);
}

it('words for people', () => {
  expect([1, 3].map(times)).toEqual(['once', '3 times']);
  expect([4_000, 300_000, 7_200_000, 200_000_000].map(lasting)).toEqual([
    ...['4 s', '5 min', '2 h', '2 days'],
  ]);
  expect(meaningOf('ERR_SLURP_NO_LEADER')).toBe('the mesh has no leader right now');
  expect(meaningOf('guests-full')).toBe('guests-full');
});

describe('a peer', () => {
  const member: MemberRecord = {
    ...{ peer: '12D3', name: 'beta', role: 'member', addresses: ['/ip4/10.0.0.1/tcp/1'] },
    ...{ addedIndex: 8, invite: null, removedIndex: null, boot: 1, bootNonce: '', isCloned: false },
    levels: [1, 1],
  };
  const alive = { state: 'alive', sinceMs: NOW, reason: 'it is connected', lastHeardMs: NOW };
  const well: PeerFacts = {
    ...{ peer: '12D3', nowMs: NOW, member, removal: undefined, isSelf: false, verdict: undefined },
    ...{ isConnected: true, liveness: { ...alive, asked: [] }, redial: undefined, turnedAway: [] },
    ...{ isBehind: false, appliedIndex: 20, nameOf: (peer: string) => `name of ${peer}` },
  };
  const silent = {
    ...{ isConnected: false, redial: { attempts: 3, lastError: 'ECONNREFUSED', nextInMs: 2_000 } },
    liveness: {
      ...{ ...alive, state: 'unreachable', reason: 'no answer', lastHeardMs: NOW - 30_000 },
      asked: [
        { peer: 'g', answer: 'silent' },
        { peer: 'g', answer: 'waiting' },
      ],
    },
  };
  const away = (reason: string, side: TurnedAway['side']): TurnedAway[] => [
    { reason, side, count: 2, firstMs: NOW, lastMs: NOW },
  ];
  const gone = { ...member, removedIndex: 12 };
  const deed = { index: 12, by: 'alpha', timeMs: NOW, isOwn: false };
  const clone = { ...member, isCloned: true };
  it.each([
    [{}, 'here', 'beta is here'],
    [{ isSelf: true }, 'here', 'this is the node'],
    [{ isSelf: true, verdict: 'ERR_MEMBERSHIP_REMOVED' }, 'removed', 'cooee leave'],
    [{ isSelf: true, verdict: 'ERR_MEMBERSHIP_CLONE' }, 'shut', 'ERR_MEMBERSHIP_CLONE'],
    [{ member: undefined }, 'never-admitted', 'no entry up to 20 admits it'],
    [{ member: undefined, isBehind: true }, 'never-admitted', 'not applied all of the log'],
    [
      { member: undefined, turnedAway: away('ERR_MEMBERSHIP_INVITE_USED', 'here') },
      'refused',
      'the invite has no uses left (ERR_MEMBERSHIP_INVITE_USED)',
    ],
    [
      { member: undefined, turnedAway: away('guests-full', 'here') },
      'never-admitted',
      '2 times: guests-full',
    ],
    [{ member: gone, removal: deed }, 'removed', 'beta was removed from the mesh by alpha'],
    [{ member: gone, removal: { ...deed, by: undefined } }, 'removed', 'is not kept here any more'],
    [{ member: gone, removal: { ...deed, isOwn: true } }, 'gone', 'beta left the mesh'],
    [{ member: gone, removal: deed, isSelf: true }, 'removed', 'cooee join INVITE'],
    [silent, 'unreachable', 'nothing was heard of it for 30 s'],
    [silent, 'unreachable', '3 dials of it failed, at last: ECONNREFUSED; next try in 2 s'],
    [silent, 'unreachable', 'name of g was asked whether it reaches it: silent'],
    [{ ...silent, member: { ...member, addresses: [] } }, 'unreachable', 'registered no address'],
    [{ liveness: { ...silent.liveness, state: 'suspect' } }, 'suspect', 'is being found out'],
    [{ liveness: { ...silent.liveness, state: 'left' } }, 'left', 'said goodbye'],
    [
      { turnedAway: away('ERR_MEMBERSHIP_REMOVED', 'there') },
      'refuses-this-node',
      'refuses this node',
    ],
    [{ member: clone }, 'clone', 'two daemons run as beta'],
  ] as [Partial<PeerFacts>, string, string][])('%j: %s', (change, verdict, words) => {
    expectWhy(explainPeer({ ...well, ...change }), verdict, words);
  });

  it('each member that was asked stands once, with its last answer', () => {
    const { because } = explainPeer({ ...well, ...silent });
    expect(because.filter(({ fact }) => fact.includes('was asked'))).toHaveLength(1);
  });

  it('what the door and dials say is for the operator', () => {
    const facts = { ...well, ...silent, turnedAway: away('guests-full', 'here') };
    const hidden = explainPeer(facts).because.filter(({ isForOperator }) => isForOperator);
    expect(hidden.map(({ fact }) => fact.slice(0, 22))).toEqual([
      ...['3 dials of it failed, ', 'it was turned away her'],
    ]);
  });

  it('that knocked in vain is told of to the operator alone', () => {
    const turnedAway = away('ERR_MEMBERSHIP_INVITE_USED', 'here');
    const facts = { ...well, member: undefined, turnedAway };
    expect(explainPeer(facts).verdict).toBe('refused');
    expect(explainPeer(factsForAgents(facts)).verdict).toBe('never-admitted');
    const known = { ...facts, member };
    expect(factsForAgents(known)).toBe(known);
  });
});

describe('an agent', () => {
  const record: AgentRecord = {
    ...{ model: 'm1', hostname: 'h', mac: 'aabbccddeeff', gpuId: '0', token: '458RV', number: 42 },
    ...{ gpuSlot: 3, hash: 'ab', tinyHash: '4TF5ED5V08', peer: '12D3', grantedIndex: 13 },
    retiredIndex: null,
  };
  const node = { name: 'beta', isSelf: false, verdict: 'here', text: 'beta is here', because: [] };
  const well: AgentFacts = {
    ...{ ref: '458RV', nowMs: NOW, record, retirement: undefined, status: 'idle', node },
    ...{ lease: { seenMs: NOW - 4_000, isLive: true, leaseMs: 90_000 }, enrolments: [] },
    ...{ isLed: true, appliedIndex: 20 },
  };
  const asked = { model: 'm1', gpuId: '0', hash: 'ab', sinceMs: NOW - 9_000 };
  const waiting = { ...asked, waitsFor: undefined, refusal: undefined };
  const refused = { ...waiting, sinceMs: undefined, refusal: 'ERR_ENROLMENT_HOST_BOUND' };
  const old = { seenMs: NOW - 99_000, isLive: false, leaseMs: 90_000 };
  it.each([
    [{}, 'here', '458RV is there and idle'],
    [{ status: 'busy' }, 'here', 'busy'],
    [{ record: undefined }, 'not-granted', 'no entry up to 20 grants it'],
    [
      { record: undefined, enrolments: [waiting] },
      'enrolment-waiting',
      'm1 on GPU 0 waits for 9 s',
    ],
    [
      { record: undefined, enrolments: [{ ...waiting, waitsFor: 'ERR_ENROLMENT_TIME' }] },
      'enrolment-waiting',
      'more than 5 minutes from the time of the leader',
    ],
    [{ record: undefined, enrolments: [waiting], isLed: false }, 'enrolment-waiting', 'no leader'],
    [{ record: undefined, enrolments: [refused] }, 'enrolment-refused', 'ERR_ENROLMENT_HOST_BOUND'],
    [
      {
        record: { ...record, retiredIndex: 15 },
        retirement: { index: 15, by: 'ada on alpha', timeMs: NOW, isOwn: false },
      },
      'retired',
      'retired by ada on alpha',
    ],
    [{ record: { ...record, retiredIndex: 15, model: "x'; rm" } }, 'retired', '--model MODEL'],
    [
      { node: { ...node, verdict: 'unreachable', text: 'beta cannot be reached' } },
      'node-unreachable',
      'beta cannot be reached',
    ],
    [{ status: 'unreachable', lease: old }, 'lease-expired', 'its last beat is 99 s old'],
    [{ lease: undefined }, 'never-announced', 'cooee announce 458RV'],
    [{ status: 'offline' }, 'offline', 'offline'],
    [{ node: { ...node, isSelf: true } }, 'here', 'it lives on this node'],
  ] as [Partial<AgentFacts>, string, string][])('%j: %s', (change, verdict, words) => {
    expectWhy(explainAgent({ ...well, ...change }), verdict, words);
  });
});

const way: WayFacts = {
  ...{ nowMs: NOW, verdict: undefined, leader: 'alpha', isLeaderReached: true },
  ...{ votersUp: 3, voters: 3, away: [], failure: undefined, rivals: undefined },
};
const waiting = { acceptedMs: NOW - 5_000, takenMs: undefined, ahead: 2 };

describe('what waits in the outbox', () => {
  const rivals = { epoch: 2, here: '1a', elsewhere: '2b' };
  const failure = { message: 'm', atMs: NOW, without: ['beta', 'gamma'] };
  it.each([
    [{}, 'accepted', 'on its way'],
    [{}, 'accepted', "2 of this node's writes come before it"],
    [{ verdict: 'ERR_MEMBERSHIP_CLONE' }, 'not-acknowledged', 'two daemons'],
    [{ rivals, leader: undefined }, 'epoch-conflict', 'one of two rival recoveries'],
    [{ rivals, votersUp: 1 }, 'epoch-conflict', 'by recovery 1a here, by 2b elsewhere'],
    [{ votersUp: 1, away: ['beta', 'gamma'] }, 'no-quorum', '1 of 3 can be reached, 2 are needed'],
    [{ leader: undefined }, 'no-leader', 'there is none now'],
    [{ isLeaderReached: false }, 'no-leader', 'alpha cannot be reached'],
    [
      { failure: { ...failure, code: 'ERR_SUBMISSION_BLOCK_MISSING' } },
      'blocks-missing',
      'without them: beta, gamma',
    ],
    [
      { failure: { ...failure, code: 'ERR_WIRE_TIMEOUT' } },
      'delivery-failing',
      'ERR_WIRE_TIMEOUT: m',
    ],
  ] as [Partial<WayFacts>, string, string][])('%j: %s', (change, verdict, words) => {
    expectWhy(hindranceOf({ ...way, ...change }, waiting), verdict, words);
  });

  it('what is held back waits for its own blocks, whatever the others wait for', () => {
    const code = 'ERR_SUBMISSION_BLOCKS_FULL';
    const heldBack = { failure: { ...failure, code } };
    const other = { ...way, failure: { ...failure, code: 'ERR_WIRE_TIMEOUT' } };
    expectWhy(hindranceOf(other, { ...waiting, heldBack }), 'blocks-missing', 'holds its blocks');
    const untold = { ...waiting, heldBack: { failure: undefined } };
    expectWhy(hindranceOf(other, untold), 'accepted', 'on its way');
  });

  it('a leader has it', () => {
    const got = hindranceOf(way, { ...waiting, takenMs: NOW, ahead: 0 });
    expectWhy(got, 'relayed', 'a leader has taken it');
  });
});

describe('a call', () => {
  const call: CallRecord = {
    ...{ id: 'c1', number: 1, asker: { peer: 'b', agent: '458RV' }, question: 'q', context: '' },
    ...{ options: [], severity: 'blocked', onTimeout: 'escalate', state: 'open', index: 9 },
    ...{ timeMs: NOW - 9_000, deadlineMs: NOW + 60_000, lengthMs: 60_000 },
    ...{ escalations: 0, fence: 0 },
  };
  const claim = {
    ...{ by: { human: 'Ada', peer: 'a' }, fence: 1, sinceMs: NOW, untilMs: NOW + 60_000 },
  };
  const answer = { text: 't', by: claim.by, index: 11, timeMs: NOW };
  const well: CallFacts = {
    ...{ id: 'c1', nowMs: NOW, call, waiting: undefined, refused: undefined, way, webhooks: 0 },
    nameOf: (peer) => (peer === 'a' ? 'alpha' : 'beta'),
  };
  const command = { id: 'x', kind: 'call.open' } as Command;
  const refused = { code: 'ERR_HELP_TOO_MANY', message: 'Too many', index: 9, atMs: NOW, command };
  it.each([
    [{}, 'open', 'nobody has claimed it'],
    [{}, 'open', 'this node tells no webhook'],
    [{ webhooks: 2 }, 'open', 'tells 2 webhooks'],
    [{ call: { ...call, fence: 2 } }, 'open', 'whoever claimed it let it go'],
    [{ call: { ...call, onTimeout: 'wait' } }, 'open', 'it stays open after that'],
    [
      { call: { ...call, escalations: 2, severity: 'danger' } },
      'open',
      'escalated 2 times, now danger',
    ],
    [{ call: { ...call, deadlineMs: NOW - 1 } }, 'due', 'deadline has just passed'],
    [
      { call: { ...call, deadlineMs: NOW - 1 }, way: { ...way, votersUp: 1 } },
      'overdue',
      'no leader can carry out its policy',
    ],
    [{ call: { ...call, state: 'claimed', claim } }, 'claimed', 'Ada on alpha works on it'],
    [
      { call: { ...call, state: 'claimed', claim: { ...claim, untilMs: NOW - 1 } } },
      'claimed',
      'about to lapse',
    ],
    [{ call: { ...call, state: 'answered', answer } }, 'answered', 'Ada on alpha answered it'],
    [
      { call: { ...call, state: 'answered', answer: { ...answer, by: null } } },
      'answered-by-policy',
      'its policy did',
    ],
    [{ call: { ...call, state: 'expired' } }, 'expired', 'its policy was escalate'],
    [{ call: { ...call, state: 'withdrawn' } }, 'withdrawn', 'its asker withdrew it'],
    [{ call: undefined, waiting, way: { ...way, leader: undefined } }, 'no-leader', 'leader'],
    [{ call: undefined, refused }, 'refused', '(ERR_HELP_TOO_MANY)'],
    [{ call: undefined }, 'unknown', 'never heard of it'],
  ] as [Partial<CallFacts>, string, string][])('%j: %s', (change, verdict, words) => {
    expectWhy(explainCall({ ...well, ...change }), verdict, words);
  });
});

describe('a submission', () => {
  const at = new Date(NOW).toISOString();
  const row = { state: 'committed', author: 'beta', acceptedAt: at, index: 9, version: 1 };
  const well: SubmissionFacts = {
    ...{ id: 's1', row, waiting: undefined, way, blocksMissing: 0, curators: ['alpha'] },
  };
  const decision = { as: 'merged', by: 'Ada on alpha', index: 12, at };
  const refusal = { code: 'ERR_SUBMISSION_QUOTA', message: 'too much today', at, index: 9 };
  it.each([
    [{}, 'undecided', 'waits for a curator: alpha'],
    [{ row: { ...row, unresolved: 2 } }, 'undecided', '2 of its links led nowhere'],
    [{ blocksMissing: 1 }, 'undecided', '1 of its blocks are being fetched'],
    [{ row: { ...row, decision } }, 'decided', 'Ada on alpha decided: merged'],
    [{ row: { ...row, decision, supersededBy: 's2' } }, 'superseded', 'cooee why s2'],
    [{ row: { ...row, refusal } }, 'refused', 'Hand it in again later'],
    [{ row: { ...row, index: undefined }, waiting }, 'accepted', 'on its way'],
    [{ row: undefined }, 'unknown', 'it may wait on another node'],
  ] as [Partial<SubmissionFacts>, string, string][])('%j: %s', (change, verdict, words) => {
    expectWhy(explainSubmission({ ...well, ...change }), verdict, words);
  });
});
