import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../../protocols/interface/index.ts';
import { refuseHead } from '../../../../../protocols/slurp/heads/head-rules.ts';
import { OtherStates } from '../../../../../protocols/slurp/heads/signing/other-states.ts';

/** Whether these answers show five voters that the leader has another state than most of them. */
function isOutvoted(...answers: readonly Error[]): boolean {
  const others = new OtherStates(5);
  for (const answer of answers) others.heard(answer);
  return others.isMajority;
}

const state = (ours?: unknown) => refuseHead('state', 'another state', { ours } as never);

describe('OtherStates', () => {
  it('are a majority when it names one and the same', () => {
    expect(isOutvoted(state('a'), state('a'), state('a'))).toBe(true);
    expect(isOutvoted(state('a'), state('b'), state('a'), state('a'))).toBe(true);
    expect(isOutvoted()).toBe(false);
    expect(isOutvoted(state('a'), state('a'))).toBe(false);
    expect(isOutvoted(state('a'), state('a'), state('b'), state('b'))).toBe(false);
  });

  it.each([
    ['who has no state there yet', state()],
    ['who names nothing that is a state', state(7)],
    ['who finds another thing wrong', refuseHead('root', 'another root', { ours: 'a' })],
    ['who cannot sign now', new CooeeError('ERR_API_BUSY', 'b', { details: { ours: 'a' } })],
    ['who does not answer', new Error('a')],
  ])('do not count %s', (_who, answer) => {
    expect(isOutvoted(answer, answer, answer, answer, answer)).toBe(false);
    expect(isOutvoted(answer, state('a'), state('a'))).toBe(false);
  });
});
