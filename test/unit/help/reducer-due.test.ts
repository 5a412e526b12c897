import { beforeEach, describe, expect, it } from 'vitest';
import { CallWorld, CLAIM_MS, codeOf, MINUTE_MS, second, third } from './call-world.ts';

// Goal: at its deadline by the time of the log, and not before, the policy of a call decides.

let world: CallWorld;

beforeEach(() => {
  world = new CallWorld();
});

const LENGTH_MS = 10 * MINUTE_MS;
const node = { peer: third.peer };
const expire = (id: string) => world.apply('call.expire', { id }, node);
const escalate = (id: string) => world.apply('call.escalate', { id }, node);

describe('expiry', () => {
  it.each([
    ['default', { default: 'Stop.' }, 'Stop.'],
    ['deny', {}, 'denied'],
  ])('answers by the policy %s, at the deadline and not before', (onTimeout, change, text) => {
    const id = world.open({ onTimeout, ...change });
    world.claim(id);
    world.timeMs += LENGTH_MS - 1;
    expect(expire(id)).toMatchObject({
      code: 'ERR_HELP_NOT_DUE',
      details: { timeMs: world.timeMs, dueMs: world.timeMs + 1 },
    });
    world.timeMs += 1;
    const told = { type: 'call:answer', data: { by: null, policy: onTimeout } };
    expect(expire(id)).toMatchObject({ ok: true, events: [told] });
    expect(world.call(id)).toMatchObject({ state: 'answered', answer: { text, by: null } });
    expect(world.call(id)).not.toHaveProperty('claim');
    expect(expire(id)).toMatchObject({
      code: 'ERR_HELP_ANSWERED',
      details: { policy: onTimeout },
    });
  });

  it('never comes to a call that waits', () => {
    const id = world.open();
    world.timeMs += 1_000 * LENGTH_MS;
    expect(codeOf(expire(id))).toBe('ERR_HELP_NOT_DUE');
    expect(codeOf(escalate(id))).toBe('ERR_HELP_NOT_DUE');
  });

  it('is for members to propose', () => {
    const id = world.open({ onTimeout: 'deny' });
    world.timeMs += LENGTH_MS;
    const by = { peer: 'stranger' };
    expect(codeOf(world.apply('call.expire', { id }, by))).toBe('ERR_MEMBERSHIP_NOT_MEMBER');
  });
});

describe('escalation', () => {
  it('raises the severity three times, each with a new deadline, and then expires', () => {
    const id = world.open({ onTimeout: 'escalate', severity: 'info' });
    expect(codeOf(escalate(id))).toBe('ERR_HELP_NOT_DUE');
    for (const severity of ['blocked', 'danger', 'danger']) {
      // A leader that comes late does not burn the next deadline.
      world.timeMs += LENGTH_MS + 3_000;
      expect(codeOf(expire(id))).toBe('ERR_HELP_NOT_DUE');
      expect(escalate(id)).toMatchObject({ ok: true, events: [{ type: 'call:escalate' }] });
      expect(world.call(id)).toMatchObject({ severity, deadlineMs: world.timeMs + LENGTH_MS });
      expect(world.state.get('openCall', id)).toMatchObject({ severity });
      expect(codeOf(escalate(id))).toBe('ERR_HELP_NOT_DUE');
    }
    world.timeMs += LENGTH_MS;
    expect(codeOf(escalate(id))).toBe('ERR_HELP_NOT_DUE');
    expect(expire(id)).toMatchObject({ ok: true, events: [{ type: 'call:expire' }] });
    expect(world.call(id)).toMatchObject({ state: 'expired', escalations: 3 });
    expect(codeOf(world.claim(id))).toBe('ERR_HELP_EXPIRED');
  });

  it('leaves the call with who holds it, who may answer until the new deadline', () => {
    const id = world.open({ onTimeout: 'escalate' });
    world.timeMs += LENGTH_MS - 1;
    world.claim(id);
    world.timeMs += 1;
    escalate(id);
    expect(world.call(id).claim).toMatchObject({ fence: 1, untilMs: world.timeMs - 1 + CLAIM_MS });
    const answer = { id, fence: 1, text: 'Yes.' };
    const ada = { peer: second.peer, human: 'ada' };
    expect(codeOf(world.apply('call.answer', answer, ada))).toBe('ok');
  });
});
