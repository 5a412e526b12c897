import { beforeEach, describe, expect, it } from 'vitest';
import { CallWorld, CLAIM_MS, codeOf, founder, MINUTE_MS, second, third } from './call-world.ts';

// Goal: of all the humans who press at once exactly one has the call, and exactly one answers it;
// everybody else is told who.

let world: CallWorld;
let id: string;

beforeEach(() => {
  world = new CallWorld();
  id = world.open();
});

const ada = { peer: second.peer, human: 'ada' };
const answer = (fence: number, actor = ada, text = 'Yes.') =>
  world.apply('call.answer', { id, fence, text }, actor);
const release = (fence: number, actor: { peer: string; human?: string } = ada) =>
  world.apply('call.release', { id, fence }, actor);

describe('a claim', () => {
  it('has one winner, and the loser is told who', () => {
    expect(codeOf(world.claim(id, 'ada'))).toBe('ok');
    expect(world.claim(id, 'bob', third.peer)).toMatchObject({
      code: 'ERR_HELP_CLAIMED',
      message: 'the call is held by ada',
      details: { by: 'ada', peer: second.peer, fence: 1, untilMs: world.timeMs + CLAIM_MS },
    });
    expect(world.call(id)).toMatchObject({ state: 'claimed', fence: 1, claim: { by: ada } });
  });

  it('is refused to the same human twice, and to the same name at another node', () => {
    world.claim(id, 'ada');
    expect(codeOf(world.claim(id, 'ada'))).toBe('ERR_HELP_CLAIMED');
    expect(codeOf(world.claim(id, 'ada', third.peer))).toBe('ERR_HELP_CLAIMED');
  });

  it('lapses after 15 minutes of the log, and the next one has a higher fence', () => {
    world.claim(id, 'ada');
    world.timeMs += CLAIM_MS - 1;
    expect(codeOf(world.claim(id, 'bob', third.peer))).toBe('ERR_HELP_CLAIMED');
    world.timeMs += 1;
    expect(codeOf(world.claim(id, 'bob', third.peer))).toBe('ok');
    expect(world.call(id).claim).toMatchObject({ by: { human: 'bob' }, fence: 2 });
  });

  it.each([
    ['an agent', { peer: founder.peer, agent: '458RV' }],
    ['an agent with a name of a human', { peer: founder.peer, agent: '458RV', human: 'ada' }],
    ['a node', { peer: founder.peer }],
    ['nobody', { peer: founder.peer, human: '' }],
  ])('is not for %s', (_, actor) => {
    expect(codeOf(world.apply('call.claim', { id }, actor))).toBe('ERR_HELP_HUMAN');
  });

  it('is for members only', () => {
    expect(codeOf(world.claim(id, 'eve', 'stranger'))).toBe('ERR_MEMBERSHIP_NOT_MEMBER');
    world.member(third.peer, { removedIndex: 9 });
    expect(codeOf(world.claim(id, 'eve', third.peer))).toBe('ERR_MEMBERSHIP_REMOVED');
  });

  it('of a call that is not there is refused', () => {
    const other = `bafyrei${'a'.repeat(52)}`;
    expect(codeOf(world.apply('call.claim', { id: other }, ada))).toBe('ERR_HELP_UNKNOWN');
  });
});

describe('an answer', () => {
  it('needs the fence of the claim that counts', () => {
    expect(codeOf(answer(1))).toBe('ERR_HELP_UNCLAIMED');
    world.claim(id, 'ada');
    expect(codeOf(answer(2))).toBe('ERR_HELP_FENCE');
    expect(codeOf(answer(1))).toBe('ok');
    expect(world.call(id)).toMatchObject({ state: 'answered', answer: { text: 'Yes.', by: ada } });
    expect(world.call(id)).not.toHaveProperty('claim');
  });

  it('with a stale fence is refused, and says who holds the call', () => {
    world.claim(id, 'ada');
    world.timeMs += CLAIM_MS;
    world.claim(id, 'bob', third.peer);
    expect(answer(1)).toMatchObject({
      code: 'ERR_HELP_FENCE',
      details: { by: 'bob', peer: third.peer, fence: 2 },
    });
  });

  it('after the claim lapsed is refused also when nobody has claimed since', () => {
    world.claim(id, 'ada');
    world.timeMs += CLAIM_MS;
    expect(codeOf(answer(1))).toBe('ERR_HELP_FENCE');
  });

  it('of another human is refused, although the fence is no secret', () => {
    world.claim(id, 'ada');
    expect(answer(1, { peer: second.peer, human: 'bob' })).toMatchObject({
      code: 'ERR_HELP_CLAIMED',
      details: { by: 'ada' },
    });
    expect(codeOf(answer(1, { peer: third.peer, human: 'ada' }))).toBe('ERR_HELP_CLAIMED');
  });

  it('is final: the next is told who was first', () => {
    world.claim(id, 'ada');
    answer(1);
    expect(answer(1, ada, 'No.')).toMatchObject({
      code: 'ERR_HELP_ANSWERED',
      details: { by: 'ada', peer: second.peer },
    });
    expect(codeOf(world.claim(id, 'bob', third.peer))).toBe('ERR_HELP_ANSWERED');
    expect(world.call(id).answer?.text).toBe('Yes.');
  });

  it.each(['', '  \n', 'x'.repeat(8 * 1024 + 1), 'é'.repeat(4 * 1024 + 1), '\ud800'])(
    'is a text of 1 to 8192 bytes: not %#',
    (text) => {
      world.claim(id, 'ada');
      expect(codeOf(answer(1, ada, text))).toBe('ERR_SLURP_COMMAND');
    },
  );
});

describe('the deadline', () => {
  it.each(['default', 'deny', 'escalate'])('ends claims and answers: %s', (onTimeout) => {
    const change = onTimeout === 'default' ? { default: 'no' } : {};
    id = world.open({ onTimeout, ...change });
    const other = world.open({ onTimeout, ...change });
    world.claim(id, 'ada');
    world.timeMs += 10 * MINUTE_MS - 1;
    expect(codeOf(world.claim(other, 'bob'))).toBe('ok');
    world.timeMs += 1;
    expect(answer(1)).toMatchObject({
      code: 'ERR_HELP_DEADLINE',
      details: { timeMs: world.timeMs, deadlineMs: world.timeMs },
    });
    expect(world.call(id).state).toBe('claimed');
  });

  it('ends nothing of a call that waits', () => {
    world.timeMs += 60 * MINUTE_MS;
    world.claim(id, 'ada');
    expect(codeOf(answer(1))).toBe('ok');
  });
});

describe('a release', () => {
  it('opens the call again, for who holds it alone', () => {
    world.claim(id, 'ada');
    expect(codeOf(release(1, { peer: third.peer, human: 'bob' }))).toBe('ERR_HELP_CLAIMED');
    expect(codeOf(release(2))).toBe('ERR_HELP_FENCE');
    expect(codeOf(release(1))).toBe('ok');
    expect(world.call(id)).toMatchObject({ state: 'open', fence: 1 });
    expect(codeOf(release(1))).toBe('ERR_HELP_UNCLAIMED');
    expect(codeOf(world.claim(id, 'bob'))).toBe('ok');
    expect(world.call(id).fence).toBe(2);
  });

  it('by any member says that the claim has lapsed, once it has', () => {
    world.claim(id, 'ada');
    world.timeMs += CLAIM_MS - 1;
    expect(release(1, { peer: third.peer })).toMatchObject({
      code: 'ERR_HELP_NOT_DUE',
      details: { timeMs: world.timeMs, dueMs: world.timeMs + 1 },
    });
    world.timeMs += 1;
    const outcome = release(1, { peer: third.peer });
    expect(outcome).toMatchObject({ ok: true, events: [{ data: { reason: 'lapse' } }] });
    expect(world.state.get('openCall', id)).not.toHaveProperty('claimUntilMs');
  });
});
