import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Actor, DecisionRecord } from '../../../protocols/interface/index.ts';
import { decideBody } from '../../../protocols/submission/index.ts';
import { founder, second } from '../slurp/mesh-world.ts';
import { ADDRESS, agent, member, Register } from './register.ts';

// Goal: a curator's word stands until a curator takes it back knowingly; nobody else has one.

let register: Register;
let id: string;

beforeEach(() => {
  register = new Register();
  register.role(founder.peer, 'admin');
  register.role(second.peer, 'curator');
  register.commit({}, { peer: second.peer });
  id = register.idOf({}, second);
});

const merged = { as: 'merged', why: 'It works.' };
const decide = (more: Record<string, unknown> = {}, actor?: Actor) =>
  register.decide({ id, ...merged, ...more }, actor);
const inForce = () => register.state.get('submission', id)?.decision;

describe('submission.decide', () => {
  it('puts the decision to the submission, and tells so', () => {
    const by = { peer: founder.peer, human: 'Ada' };
    const decision = { version: 1, ...merged, by, index: 12, timeMs: 1_000_002 };
    expect(decide({}, by)).toEqual({
      ok: true,
      value: { decision, isNew: true },
      events: [
        {
          type: 'submission:decide',
          address: ADDRESS,
          data: { id, kind: 'dr', address: ADDRESS, title: 'T', author: second, decision },
        },
      ].map((event) => ({
        ...event,
        data: { ...event.data, author: { peer: second.peer } },
      })),
    });
    expect(inForce()).toEqual(decision);
    expect(register.decision(id, 1)).toEqual(decision);
  });

  it('takes the same again as the same, whoever says it', () => {
    decide();
    const before = inForce();
    expect(decide({}, { peer: second.peer })).toEqual({
      ok: true,
      value: { decision: before, isNew: false },
    });
    expect(inForce()).toEqual(before);
  });

  it('refuses another one, and says who decided and how', () => {
    decide({}, { peer: second.peer, human: 'Grace' });
    const other = { as: 'rejected', why: 'It does not.' };
    expect(decide(other)).toMatchObject({
      ok: false,
      code: 'ERR_SUBMISSION_DECIDED',
      message: 'it was decided before: merged, by Grace',
      details: { as: 'merged', peer: second.peer, human: 'Grace', index: 12, version: 1 },
    });
    expect(decide({ why: 'For another reason.' })).toMatchObject({ ok: false });
    expect(inForce()?.as).toBe('merged');
  });

  it('lets one take its place that names it, and keeps both', () => {
    decide();
    const other = { as: 'rejected', why: 'It does not.', replaces: 1 };
    expect(decide(other)).toMatchObject({ ok: true, value: { decision: { version: 2 } } });
    expect(inForce()).toMatchObject({ as: 'rejected', version: 2 });
    expect(register.decision(id, 1)).toMatchObject(merged);
    // Who looked at the first one has not seen the second.
    expect(decide({ as: 'deferred', replaces: 1 })).toMatchObject({
      code: 'ERR_SUBMISSION_DECIDED',
    });
  });

  it('refuses to replace what was not decided', () => {
    expect(decide({ replaces: 1 })).toMatchObject({
      code: 'ERR_SUBMISSION_DECIDED',
      message: 'there is no decision to replace',
    });
    expect(inForce()).toBeUndefined();
  });

  it('is for curators, and for no agent on their nodes', () => {
    register.role(second.peer, 'member');
    expect(decide({}, { peer: second.peer })).toMatchObject({ code: 'ERR_MEMBERSHIP_FORBIDDEN' });
    const key = '458RV';
    register.state.merge([{ table: 'agent', key, value: agent(key, founder.peer) }]);
    expect(decide({}, { peer: founder.peer, agent: key })).toMatchObject({
      code: 'ERR_MEMBERSHIP_FORBIDDEN',
    });
    register.put(member(second.peer, { role: 'admin', removedIndex: 5 }));
    expect(decide({}, { peer: second.peer })).toMatchObject({ code: 'ERR_MEMBERSHIP_REMOVED' });
    expect(decide({}, { peer: 'stranger' })).toMatchObject({ code: 'ERR_MEMBERSHIP_NOT_MEMBER' });
    expect(inForce()).toBeUndefined();
  });

  it('is refused for what is not in the register', () => {
    expect(decide({ id: `bafyrei${'a'.repeat(52)}` })).toMatchObject({
      code: 'ERR_SUBMISSION_UNKNOWN',
    });
  });

  it('keeps every decision that was taken, and the last one is in force', () => {
    const word = fc.constantFrom('merged', 'rejected', 'deferred');
    const attempt = fc.record({
      as: word,
      why: fc.constantFrom('a', 'b'),
      replaces: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      by: fc.constantFrom(founder.peer, second.peer),
    });
    fc.assert(
      fc.property(fc.array(attempt, { maxLength: 12 }), (attempts) => {
        const fresh = new Register();
        fresh.role(founder.peer, 'admin');
        fresh.commit({});
        const target = fresh.idOf({});
        const taken: DecisionRecord[] = [];
        for (const { as, why, replaces, by } of attempts) {
          const body = { id: target, as, why, ...(replaces === undefined ? {} : { replaces }) };
          const outcome = fresh.decide(body, { peer: by });
          const last = taken.at(-1);
          if (by === second.peer) {
            expect(outcome).toMatchObject({ code: 'ERR_MEMBERSHIP_FORBIDDEN' });
          } else if (last?.as === as && last.why === why) {
            expect(outcome).toMatchObject({ ok: true, value: { isNew: false } });
          } else if (replaces === last?.version) {
            expect(outcome).toMatchObject({ ok: true, value: { isNew: true } });
            const { decision } = (outcome as { value: { decision: DecisionRecord } }).value;
            taken.push(decision);
          } else expect(outcome).toMatchObject({ code: 'ERR_SUBMISSION_DECIDED' });
        }
        expect(fresh.state.get('submission', target)?.decision).toEqual(taken.at(-1));
        expect(taken.map((_, n) => fresh.decision(target, n + 1))).toEqual(taken);
      }),
    );
  });
});

describe('decideBody', () => {
  const body = { id: `bafyrei${'a'.repeat(52)}`, ...merged };

  it.each(['merged', 'a', 'needs-work', 'x'.repeat(32)])('takes %s', (as) => {
    expect(decideBody.safeParse({ ...body, as }).success).toBe(true);
  });

  it.each([
    ['no word', { as: '' }],
    ['capitals', { as: 'Merged' }],
    ['two words', { as: 'not yet' }],
    ['a dash at the end', { as: 'not-' }],
    ['a long word', { as: 'x'.repeat(33) }],
    ['no reason', { why: '' }],
    ['a long reason', { why: 'é'.repeat(2_049) }],
    ['an escape in the reason', { why: '\u001b[2J' }],
    ['half a character in the reason', { why: 'a\ud800' }],
    ['a byte order mark before the reason', { why: '\ufeffIt works.' }],
    ['no id', { id: 'bafy' }],
    ['no version', { replaces: 0 }],
    ['a field more', { by: 'Ada' }],
  ])('refuses %s', (_, change) => {
    expect(decideBody.safeParse({ ...body, ...change }).success).toBe(false);
  });
});
