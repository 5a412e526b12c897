import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type CallRecord, revisionAt } from '../../../protocols/interface/index.ts';
import { callAddress } from '../../../protocols/ucxl/index.ts';
import { ASKED, CallWorld, CLAIM_MS, founder, MINUTE_MS, second, third } from './call-world.ts';

// Goal: whatever is pressed by whomever, in whatever order and at whatever time of the log, a call
// goes by the rules. A model, written anew and simpler, says what every step must come to.

const LENGTH_MS = 10 * MINUTE_MS;
const HUMANS = [
  { peer: second.peer, human: 'ada' },
  { peer: second.peer, human: 'bob' },
  { peer: third.peer, human: 'ada' },
] as const;

const who = fc.constantFrom(...HUMANS);
const fence = fc.integer({ min: 1, max: 3 });
const act = fc.oneof(
  fc.record({ kind: fc.constant('claim' as const), who }),
  fc.record({ kind: fc.constantFrom('answer' as const, 'release' as const), who, fence }),
  fc.record({ kind: fc.constantFrom('lapse' as const), fence }),
  fc.record({ kind: fc.constantFrom('expire' as const, 'escalate' as const) }),
  fc.record({ kind: fc.constant('withdraw' as const), isAsker: fc.boolean() }),
);
/** Times at which something changes, and just before them. */
const pause = fc.constantFrom(
  0,
  0,
  0,
  1,
  MINUTE_MS,
  CLAIM_MS - 1,
  CLAIM_MS,
  LENGTH_MS - 1,
  LENGTH_MS,
);
const steps = fc.array(fc.record({ act, pause }), { maxLength: 40 });
const policy = fc.constantFrom<CallRecord['onTimeout']>('wait', 'default', 'deny', 'escalate');

type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

/** What the rules of a call's life make of it. */
class Model {
  state = 'open';
  fence = 0;
  holder: { who: (typeof HUMANS)[number]; untilMs: number } | undefined;
  escalations = 0;
  dueMs: number;
  readonly policy: CallRecord['onTimeout'];

  constructor(onTimeout: CallRecord['onTimeout'], timeMs: number) {
    this.policy = onTimeout;
    this.dueMs = timeMs + LENGTH_MS;
  }

  /** Whether the step is taken; it changes the model then. */
  take(it: Act, nowMs: number): boolean {
    if (this.state !== 'open' && this.state !== 'claimed') return false;
    const isDue = this.policy !== 'wait' && nowMs >= this.dueMs;
    const isHeld = this.holder !== undefined && nowMs < this.holder.untilMs;
    if (it.kind === 'withdraw') return it.isAsker && this.end('withdrawn');
    if (it.kind === 'escalate') return isDue && this.rises() && this.escalate(nowMs);
    if (it.kind === 'expire') {
      return (
        isDue && !this.rises() && this.end(this.policy === 'escalate' ? 'expired' : 'answered')
      );
    }
    if (it.kind === 'claim') return !isDue && !isHeld && this.claim(it.who, nowMs);
    if (!('fence' in it) || this.holder === undefined || it.fence !== this.fence) return false;
    if (!('who' in it)) return !isHeld && this.free();
    const isOwn = this.holder.who === it.who;
    if (it.kind === 'release') return (!isHeld || isOwn) && this.free();
    return isHeld && isOwn && !isDue && this.end('answered');
  }

  private rises(): boolean {
    return this.policy === 'escalate' && this.escalations < 3;
  }

  private escalate(nowMs: number): boolean {
    this.escalations++;
    this.dueMs = nowMs + LENGTH_MS;
    return true;
  }

  private claim(by: (typeof HUMANS)[number], nowMs: number): boolean {
    this.fence++;
    this.state = 'claimed';
    this.holder = { who: by, untilMs: nowMs + CLAIM_MS };
    return true;
  }

  private free(): boolean {
    this.state = 'open';
    this.holder = undefined;
    return true;
  }

  private end(state: string): boolean {
    this.state = state;
    this.holder = undefined;
    return true;
  }
}

function press(world: CallWorld, id: string, it: Act): boolean {
  const node = { peer: founder.peer };
  switch (it.kind) {
    case 'claim':
      return world.apply('call.claim', { id }, it.who).ok;
    case 'release':
      return world.apply('call.release', { id, fence: it.fence }, it.who).ok;
    case 'answer':
      return world.apply('call.answer', { id, fence: it.fence, text: 'Yes.' }, it.who).ok;
    case 'lapse':
      return world.apply('call.release', { id, fence: it.fence }, node).ok;
    case 'withdraw':
      return world.apply('call.withdraw', { id }, it.isAsker ? node : { peer: third.peer }).ok;
    default:
      return world.apply(`call.${it.kind}`, { id }, { peer: third.peer }).ok;
  }
}

it('a call goes by the rules, step by step, and keeps a version for each', () => {
  fc.assert(
    fc.property(policy, steps, (onTimeout, list) => {
      const world = new CallWorld();
      const change = onTimeout === 'default' ? { onTimeout, default: 'no' } : { onTimeout };
      const id = world.open({ ...ASKED, ...change });
      const model = new Model(onTimeout, world.timeMs);
      let versions = 1;
      for (const { act: it, pause: pauseMs } of list) {
        world.timeMs += pauseMs;
        const isTaken = model.take(it, world.timeMs);
        expect(press(world, id, it)).toBe(isTaken);
        if (isTaken) versions++;
        const call = world.call(id);
        expect(call.state).toBe(model.state);
        expect(call.fence).toBe(model.fence);
        expect(call.claim?.by).toEqual(model.holder?.who);
        expect(call.escalations).toBe(model.escalations);
        const isOpen = world.state.get('openCall', id) !== undefined;
        expect(isOpen).toBe(model.state === 'open' || model.state === 'claimed');
        expect(world.state.get('openCalls', founder.peer)).toBe(isOpen ? 1 : undefined);
        expect(world.state.get('revised', callAddress(id))).toBe(versions);
        expect(revisionAt(world.state, callAddress(id), versions)?.value).toEqual(call);
      }
    }),
    { numRuns: 400 },
  );
});
