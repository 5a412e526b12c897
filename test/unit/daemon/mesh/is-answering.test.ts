import { describe, expect, it } from 'vitest';
import { isAnswering } from '../../../../daemon/mesh/is-answering.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { MEMBER } from '../../membership/mesh-fixture.ts';
import { ManualClock } from '../../wire/manual-clock.ts';

// Goal: whether somebody is at the other end of a connection that is open, which the connection
// itself does not tell; and an end to it when nobody is.

type End = 'answers' | 'refuses' | 'silent' | 'closes';

async function ask(ends: Readonly<Record<string, End>>, asked = Object.keys(ends)) {
  const clock = new ManualClock();
  const log: string[] = [];
  const connections = Object.entries(ends).map(([id, end]) => ({
    ...{ id, status: 'open', remotePeer: { toString: () => MEMBER } },
    newStream(_protocol: string, { signal }: { signal: AbortSignal }) {
      log.push(`${id} asked`);
      if (end === 'answers') return Promise.resolve({ abort: () => void log.push(`${id} done`) });
      if (end === 'closes') this.status = 'closed';
      if (end !== 'silent') return Promise.reject(new Error(end));
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('late')));
      });
    },
    abort: () => void log.push(`${id} ended`),
  }));
  const network = { node: { getConnections: () => connections } };
  const components = { network, clock, logger: silentLogger } as unknown;
  const done = isAnswering(components as Parameters<typeof isAnswering>[0], MEMBER, asked);
  await clock.advance(3_900);
  const early = [...log];
  await clock.advance(200);
  return { isThere: await done, early, log };
}

describe('a member that is asked whether it is there', () => {
  it('is, when it answers on one of the connections', async () => {
    const { isThere, log } = await ask({ a: 'answers', b: 'silent' });
    expect(isThere).toBe(true);
    expect(log).toEqual(['a asked', 'b asked', 'a done', 'b ended']);
  });

  it('is, when it does not want the question', async () => {
    expect(await ask({ a: 'refuses' })).toMatchObject({ isThere: true, log: ['a asked'] });
  });

  it('is not, when nobody says anything for four seconds: the connection ends', async () => {
    const { isThere, early, log } = await ask({ a: 'silent' });
    expect([isThere, early, log]).toEqual([false, ['a asked'], ['a asked', 'a ended']]);
  });

  it('is not, when the connection closes', async () => {
    expect(await ask({ a: 'closes' })).toMatchObject({ isThere: false });
  });

  it('is not asked by other connections than those that are named', async () => {
    expect(await ask({ a: 'answers' }, ['b'])).toEqual({ isThere: false, early: [], log: [] });
  });
});
