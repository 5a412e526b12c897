import { afterEach, describe, expect, it } from 'vitest';
import { TablePuller } from '../../../../protocols/capability/table/puller.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { ManualClock } from '../../wire/manual-clock.ts';

// Goal: whoever is asked and says nothing holds up nobody else, is asked again, and not for ever.

interface Asked {
  readonly peer: string;
  readonly only: readonly string[];
  readonly atMs: number;
}

type Answer = () => Promise<{ readonly strangers: number }>;

const answers: Answer = async () => ({ strangers: 0 });
const refuses: Answer = async () => {
  throw new Error('not yet');
};
const isSilent: Answer = () => new Promise(() => undefined);

const pullers: TablePuller[] = [];
afterEach(async () => {
  for (const puller of pullers.splice(0)) await puller.stop();
});

function start(peers: Record<string, Answer>) {
  const clock = new ManualClock();
  const asked: Asked[] = [];
  const puller = new TablePuller({
    clock,
    logger: silentLogger,
    peersFirst: () => Object.keys(peers),
    exchange: {
      pull: async (peer, only, signal) => {
        asked.push({ peer, only, atMs: clock.monotonicMs() });
        const stopped = new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
        return await Promise.race([(peers[peer] ?? refuses)(), stopped]);
      },
    },
  });
  pullers.push(puller);
  puller.start();
  const of = (peer: string, isTable: boolean): Asked[] =>
    asked.filter((it) => it.peer === peer && (it.only.length === 0) === isTable);
  return { clock, puller, peers, asked, of };
}

describe('TablePuller', () => {
  it('asks two members for their tables, and no third', async () => {
    const { clock, asked } = start({ a: answers, b: answers, c: answers });
    await clock.advance(10_000);
    expect(asked.map(({ peer, only }) => [peer, only])).toEqual([
      ['a', []],
      ['b', []],
    ]);
  });

  it('does not wait for a member that is frozen', async () => {
    const { clock, of } = start({ frozen: isSilent, b: answers });
    await clock.advance(500);
    expect(of('b', true)).toHaveLength(1);
  });

  it('asks the first that comes, however late', async () => {
    const { clock, puller, peers, of } = start({});
    await clock.advance(60_000);
    peers['late'] = answers;
    puller.met('late');
    await clock.advance(100);
    expect(of('late', true)).toHaveLength(1);
    expect(of('late', false)).toHaveLength(1);
  });

  it('asks a node again that does not answer yet, but not for ever', async () => {
    const { clock, puller, peers, of } = start({ a: answers, b: answers, starting: refuses });
    await clock.advance(1_000);
    puller.met('starting');
    await clock.advance(50);
    expect(of('starting', false)).toHaveLength(1);
    peers['starting'] = answers;
    await clock.advance(300);
    expect(of('starting', false)).toHaveLength(2);
    peers['starting'] = refuses;
    puller.want('starting');
    await clock.advance(60_000);
    expect(of('starting', false)).toHaveLength(2 + 4);
    // Others are asked about it once a want, not once a try.
    expect(of('a', false)).toHaveLength(2);
  });

  it('asks one node while another is silent', async () => {
    const { clock, puller, of } = start({ a: answers, b: answers, frozen: isSilent });
    await clock.advance(1_000);
    puller.want('frozen');
    await clock.advance(100);
    puller.want('a');
    await clock.advance(100);
    expect(of('a', false)).toHaveLength(1);
  });

  it('asks once for many wants, and once more for those that came while it asked', async () => {
    let answer: (result: { strangers: number }) => void = () => undefined;
    const slow: Answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const { clock, puller, of } = start({ a: answers, b: answers, slow });
    await clock.advance(1_000);
    for (let n = 0; n < 50; n += 1) puller.want('slow');
    await clock.advance(100);
    for (let n = 0; n < 50; n += 1) puller.want('slow');
    answer({ strangers: 0 });
    await clock.advance(1_000);
    expect(of('slow', false)).toHaveLength(2);
  });

  it('asks nobody after the stop', async () => {
    const { clock, puller, asked } = start({ a: refuses });
    await clock.advance(1_000);
    puller.want('a');
    await puller.stop();
    const count = asked.length;
    puller.want('a');
    puller.met('b');
    await clock.advance(60_000);
    expect(asked).toHaveLength(count);
  });
});
