import { describe, expect, it } from 'vitest';
import {
  pullRequest,
  pullResponse,
  replicaProtocol,
} from '../../../../protocols/slurp/protocol.ts';
import { headBy, some } from '../heads/voters.ts';
import { codeOf, founder, MESH } from '../mesh-world.ts';
import { EVERY, follower, leaderOf, Wires } from './snapshot-world.ts';

describe('a snapshot for Raft', () => {
  it('gives Raft what its core goes on from', async () => {
    const wires = new Wires();
    const leader = await leaderOf(2 * EVERY + 1, wires);
    const late = await follower('late', wires, ['leader']);
    const { signal } = new AbortController();
    const from = (index: number) => late.run(late.snapshots.installFrom('leader', index, signal));
    const expected = {
      index: 2 * EVERY,
      term: leader.machine.log.termOf(2 * EVERY),
      configuration: { voters: [founder.peer], learners: [] },
    };
    // Older than what is needed; but the log is another one from here on, and it is nearer to that.
    expect(await from(2 * EVERY + 1)).toEqual(expected);
    expect(late.machine.log).toMatchObject({ firstIndex: 2 * EVERY + 1, lastIndex: 2 * EVERY });
    expect(await codeOf(from(2 * EVERY + 1))).toBe('ERR_SLURP_SNAPSHOT');
    expect(await from(2 * EVERY)).toEqual(expected);
  });

  it('finds its way to voters behind more changes than one answer has links for', async () => {
    const wires = new Wires();
    const leader = await leaderOf(5 * EVERY + 1, wires);
    const late = await follower('late', wires, ['leader']);
    // Two voters and three in turn, and in the end the one who signed.
    const sets = [
      some(1),
      ...Array.from({ length: 65 }, (_, i) => some(1, 2, 3).slice(0, 2 + (i % 2))),
    ];
    const links = [...sets, some(1)].slice(1).map((by, i) => {
      const index = 2 + i;
      return { index, bytes: headBy(sets[i] ?? [], { index, root: new Uint8Array(32), by }) };
    });
    const snapshot = leader.snapshots.offerFor(1);
    await wires.responder('leader').handle(replicaProtocol(MESH), async (_peer, body) => {
      const { chain } = pullRequest.decode(body);
      const behind = links.filter(({ index }) => index > chain).map(({ bytes }) => bytes);
      const head = leader.book.highest()?.bytes ?? new Uint8Array();
      return pullResponse.encode(head, [], { links: behind.slice(0, 64), snapshot });
    });
    const { signal } = new AbortController();
    const fetch = () => late.run(codeOf(late.snapshots.installFrom('leader', 1, signal)));
    // A stranger's head says nothing of the links behind it.
    const junk = headBy(some(9), { index: 1, root: new Uint8Array(32), by: some(9) });
    await late.book.learn(links.slice(0, 9).map(({ bytes }) => bytes));
    expect(await codeOf(late.book.accept(junk))).toBe('ERR_SLURP_HEAD');
    expect(await fetch()).toBe('ok');
    expect(late.meshLog.appliedIndex).toBe(5 * EVERY);
  });

  it('asks anew for links before a state that the ones it has cannot judge', async () => {
    const wires = new Wires();
    const leader = await leaderOf(2 * EVERY, wires);
    const late = await follower('late', wires, ['leader']);
    const at = (index: number) => ({ index, root: new Uint8Array(32) });
    const near = headBy(some(1), { ...at(3), by: some(1, 2) });
    const far = headBy(some(1, 2), { ...at(3 * EVERY), by: some(1, 2, 3) });
    await late.book.learn([near, far]);
    const asked: number[] = [];
    const snapshot = leader.snapshots.offerFor(1);
    await wires.responder('leader').handle(replicaProtocol(MESH), async (_peer, body) => {
      asked.push(pullRequest.decode(body).chain);
      return pullResponse.encode(leader.book.highest()?.bytes ?? new Uint8Array(), [], {
        links: [],
        snapshot,
      });
    });
    const { signal } = new AbortController();
    const fetch = () => late.run(codeOf(late.snapshots.installFrom('leader', 1, signal)));
    expect([await fetch(), await fetch()]).toEqual(['ERR_SLURP_HEAD', 'ERR_SLURP_HEAD']);
    expect(asked).toEqual([3 * EVERY, 3]);
  });
});
