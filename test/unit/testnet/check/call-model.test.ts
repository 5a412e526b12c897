import { describe, expect, it } from 'vitest';
import { type CallSeen, callModel } from '../../../testnet/check/index.ts';
import { op } from '../histories.ts';
import { type Answered, ReferenceCall } from '../reference-call.ts';

// Goal: the model takes exactly what a call can have answered in a state. Method: all operations in
// all states of a reference call; what it answers in one state is refused in every other in which
// it would have answered something else.

interface Case {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly apply: (call: ReferenceCall) => Answered;
}

const HUMANS = ['ada', 'bob'];
const FENCES = [1, 2, 3];

const held = HUMANS.flatMap((by) => FENCES.map((fence) => ({ by, fence })));

const CASES: readonly Case[] = [
  { name: 'call.read', input: {}, apply: (call) => call.read() },
  { name: 'call.withdraw', input: {}, apply: (call) => call.withdraw() },
  ...HUMANS.map((by) => ({
    ...{ name: 'call.claim', input: { by } },
    apply: (call: ReferenceCall) => call.claim(by),
  })),
  ...held.map(({ by, fence }) => ({
    ...{ name: 'call.release', input: { by, fence } },
    apply: (call: ReferenceCall) => call.release(by, fence),
  })),
  ...held.map(({ by, fence }) => ({
    ...{ name: 'call.answer', input: { by, fence, text: 'yes' } },
    apply: (call: ReferenceCall) => call.answer(by, fence, 'yes'),
  })),
];

/** Ways to a state: each makes a call that went that way. */
const STATES: readonly ((call: ReferenceCall) => unknown)[] = [
  () => undefined,
  (call) => call.claim('ada'),
  (call) => [call.claim('ada'), call.release('ada', 1)],
  (call) => [call.claim('ada'), call.release('ada', 1), call.claim('bob')],
  (call) => [call.claim('bob'), call.release('bob', 1), call.claim('bob')],
  (call) => [call.claim('ada'), call.answer('ada', 1, 'yes')],
  (call) => [call.claim('ada'), call.answer('ada', 1, 'no')],
  (call) => [call.claim('bob'), call.answer('bob', 1, 'yes')],
  (call) => [call.claim('ada'), call.withdraw()],
  (call) => call.withdraw(),
];

function inState(way: (call: ReferenceCall) => unknown): ReferenceCall {
  const call = new ReferenceCall();
  way(call);
  return call;
}

describe('the model of a call', () => {
  for (const { name, input, apply } of CASES) {
    const what = `${name} ${JSON.stringify(input)}`;
    it(`${what} can have ended in a state as it does, and in no other way`, () => {
      const answers = STATES.map((way) => apply(inState(way)));
      for (const [i, way] of STATES.entries()) {
        const before = inState(way);
        const after = inState(way);
        const expected = JSON.stringify(apply(after));
        for (const answer of answers) {
          const operation = op(name, [0, 1], { input, ...answer });
          const next = callModel.step(before.seen as unknown as CallSeen, operation);
          const fits = JSON.stringify(answer) === expected;
          expect(next, `state ${i}: ${JSON.stringify(answer)}`).toEqual(
            fits ? after.seen : undefined,
          );
        }
      }
    });

    it(`${what} without an answer has the effect that it has`, () => {
      for (const way of STATES) {
        const before = inState(way).seen as unknown as CallSeen;
        const after = inState(way);
        const { ok } = apply(after);
        const next = callModel.step(before, op(name, [0], { input }));
        expect(next).toEqual(ok ? after.seen : undefined);
      }
    });
  }
});
