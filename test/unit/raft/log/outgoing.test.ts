import { describe, expect, it } from 'vitest';
import { Outgoing } from '../../../../protocols/raft/log/outgoing.ts';

const state = { term: 2, vote: 'a', commit: 3 };

describe('Outgoing', () => {
  it('tells the commit index of the start once, and asks for no write', () => {
    const outgoing = new Outgoing(5, state);
    expect(outgoing.isPending(state)).toBe(true);
    expect(outgoing.take(state)).toEqual({
      entries: [],
      messagesNow: [],
      messagesAfter: [],
      commit: 3,
      reads: [],
      isProposalDropped: false,
    });
    expect([outgoing.isPending(state), outgoing.writes.isWriting]).toEqual([false, false]);
  });

  it('writes a term or a vote at once, a commit index only along with something', () => {
    const outgoing = new Outgoing(5, state);
    const later = { ...state, commit: 5 };
    expect(outgoing.take(later).hardState).toBeUndefined();
    outgoing.writes.append({ index: 6, term: 2, bytes: new Uint8Array() });
    expect(outgoing.take(later).hardState).toEqual(later);
    outgoing.persisted();
    const voted = { term: 3, vote: 'b', commit: 5 };
    expect([outgoing.isPending(voted), outgoing.take(voted).hardState]).toEqual([true, voted]);
    expect(outgoing.hasVoted(3, 'b')).toBe(false);
    outgoing.persisted();
    expect([outgoing.hasVoted(3, 'b'), outgoing.hasVoted(3, 'a')]).toEqual([true, false]);
  });

  it('hands everything out once', () => {
    const outgoing = new Outgoing(5, state);
    const message = { from: 'a', to: 'b', term: 2, type: 'timeout-now' } as const;
    outgoing.sendNow(message);
    outgoing.sendAfter(message);
    outgoing.answerRead(1, 3);
    outgoing.dropProposal();
    outgoing.fetchSnapshot('b', 9);
    expect(outgoing.take(state)).toMatchObject({
      messagesNow: [message],
      messagesAfter: [message],
      reads: [{ id: 1, index: 3 }],
      isProposalDropped: true,
      fetchSnapshot: { from: 'b', index: 9 },
    });
    expect(outgoing.isPending(state)).toBe(false);
    outgoing.fetchSnapshot('b', 9);
    outgoing.dropFetch();
    expect(outgoing.take(state).fetchSnapshot).toBeUndefined();
  });
});
