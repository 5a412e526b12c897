import { describe, expect, it } from 'vitest';
import { HintDials } from '../../../bootstrap/index.ts';
import { silentLogger } from '../../../protocols/interface/index.ts';
import { ManualClock } from '../wire/manual-clock.ts';

const AT = ['/ip4/10.0.0.7/tcp/26633'];

/** Dials that hang until they are given up. */
function build() {
  const clock = new ManualClock();
  const stop = new AbortController();
  const dialled: string[] = [];
  const hints = new HintDials(
    {
      clock,
      logger: silentLogger,
      dial: (peer, _addresses, signal) => {
        dialled.push(peer);
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      },
    },
    stop.signal,
  );
  return { clock, dialled, hints, stop };
}

describe('hints of members, whoever made them up', () => {
  it('bring about four dials at once', async () => {
    const { clock, dialled, hints } = build();
    for (let number = 1; number <= 100; number++) void hints.follow(`member ${number}`, AT);
    expect(dialled).toEqual(['member 1', 'member 2', 'member 3', 'member 4']);
    await clock.advance(5_000);
    void hints.follow('member 5', AT);
    expect(dialled).toHaveLength(5);
  });

  it('bring about three dials of one member, and one more each 5 s', async () => {
    const { clock, dialled, hints, stop } = build();
    for (let count = 0; count < 100; count++) void hints.follow('anna', AT);
    expect(dialled).toHaveLength(3);
    await clock.advance(5_000);
    for (let count = 0; count < 100; count++) void hints.follow('anna', AT);
    expect(dialled).toHaveLength(4);
    stop.abort(new Error('stopped'));
    expect(await hints.follow('anna', AT)).toBeUndefined();
  });
});
