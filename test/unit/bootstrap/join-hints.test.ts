import { describe, expect, it } from 'vitest';
import { JoinHints } from '../../../bootstrap/index.ts';

const at = (number: number): string => `/ip4/10.0.0.${number}/tcp/26633`;

describe('hints where the members of an invite are', () => {
  it('are kept of those members only, the latest first', () => {
    const hints = new JoinHints(['anna', 'bert']);
    hints.add('mallory', [at(66)]);
    hints.add('anna', [at(1)]);
    hints.add('anna', [at(2)]);
    expect(hints.list()).toEqual([
      { peer: 'anna', address: at(2) },
      { peer: 'anna', address: at(1) },
    ]);
  });

  it('are told a few times in all, whoever makes up members that are heard', () => {
    const names = Array.from({ length: 40 }, (_, number) => `member ${number}`);
    const hints = new JoinHints(names);
    let news = 0;
    hints.onNews(() => news++);
    for (const name of names) hints.add(name, [at(1)]);
    expect(news).toBe(8);
  });

  it('of one member do not stand before those of the others', () => {
    const hints = new JoinHints(['anna', 'bert']);
    for (let number = 1; number <= 20; number++) hints.add('anna', [at(number)]);
    hints.add('bert', [at(77)]);
    expect(hints.list().findIndex(({ peer }) => peer === 'bert')).toBe(1);
  });

  it('are bounded, whoever makes them up', () => {
    const hints = new JoinHints(['anna']);
    let news = 0;
    const stop = hints.onNews(() => news++);
    for (let number = 1; number <= 200; number++) hints.add('anna', [at(number)]);
    expect(hints.list().length).toBe(16);
    expect(hints.list()[0]).toEqual({ peer: 'anna', address: at(200) });
    expect(news).toBe(8);
    stop();
  });

  it('are news once', () => {
    const hints = new JoinHints(['anna']);
    let news = 0;
    hints.onNews(() => news++);
    hints.add('anna', [at(1)]);
    hints.add('anna', [at(1)]);
    expect(news).toBe(1);
  });
});
