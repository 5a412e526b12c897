import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { commitOn, hostWith, leaderOf, level, slurpOn, startVoters, without } from './voting.ts';

// Goal: a leader that was frozen (SIGSTOP) and woken does not act as a leader: others lead since,
// and what it says in its old term counts nowhere. Method: requests are put into its socket while
// it is frozen, so that they are the first thing that it finds when it wakes.

describe('a frozen leader', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];

  beforeAll(async () => {
    hosts = ['lead', 'beta', 'gamma'].map((name) => hostWith(mesh, name, {}));
    await startVoters(hosts, 3);
  });
  afterAll(() => mesh.close());

  const termsOf = async (host: TestHost): Promise<number[]> => {
    const { entries } = await host.client.call('readLog', { query: { limit: 1000 } });
    return entries.map(({ term }) => term);
  };

  it.each(['once', 'again'])('is replaced, and follows when it wakes: %s', async (round) => {
    const frozen = await leaderOf(hosts);
    const others = without(hosts, frozen);
    const [other] = others as [TestHost];
    await commitOn(frozen, `before-${round}`);
    const { term: oldTerm } = await slurpOn(frozen);

    frozen.signal('SIGSTOP');
    const frozenMs = performance.now();
    const late = commitOn(frozen, `late-${round}`);
    const seen = await commitOn(other, `meanwhile-${round}`);
    console.info(`frozen leader to next commit: ${(performance.now() - frozenMs).toFixed()} ms`);
    const next = await leaderOf(others);
    const { term: newTerm } = await slurpOn(next);
    expect(newTerm).toBeGreaterThan(oldTerm);
    const read = frozen.client
      .call('getSubmission', {
        params: { id: seen.id },
        query: { consistency: 'linearizable' },
      })
      .then(
        ({ state }) => state as string,
        (error: unknown) => (error as { code: string }).code,
      );
    frozen.signal('SIGCONT');

    // It may say that it does not know, but never that there is nothing.
    expect(['committed', 'ERR_SLURP_NO_LEADER']).toContain(await read);
    const answer = await late;
    expect(answer.state).toBe('committed');
    const { entries } = await next.client.call('readLog', {
      query: { from: answer.index ?? 0, limit: 1 },
    });
    expect(entries[0]?.term).toBeGreaterThanOrEqual(newTerm);
    const leader = await next.peer();
    await until('it follows', async () => {
      const slurp = await slurpOn(frozen);
      return !slurp.isLeader && slurp.leader === leader;
    });
    expect((await slurpOn(next)).isLeader).toBe(true);
    await level([next, ...hosts]);
    const terms = await termsOf(next);
    expect(terms).toEqual([...terms].sort((a, b) => a - b));
    for (const host of hosts) expect((await termsOf(host)).slice(0, terms.length)).toEqual(terms);
  });

  it('that follows costs nothing: no new term', async () => {
    const leader = await leaderOf(hosts);
    const { term } = await slurpOn(leader);
    const [frozen, other] = without(hosts, leader) as [TestHost, TestHost];
    frozen.signal('SIGSTOP');
    for (let i = 0; i < 20; i++) await commitOn(other, `without-${i}`);
    frozen.signal('SIGCONT');
    await level([leader, frozen]);
    expect(await slurpOn(leader)).toMatchObject({ isLeader: true, term });
    expect(await slurpOn(frozen)).toMatchObject({ term });
  });
});
