import type { RaftHardState, RaftMessage, Ready } from '../types.ts';
import { Writes } from './writes.ts';

/** What the log and the votes look like when a `Ready` is made. */
export interface Present {
  readonly term: number;
  readonly vote: string | null;
  readonly commit: number;
}

type Read = Ready['reads'][number];

/** Gathers what the next `Ready` carries, and knows what the last one asked to be written. */
export class Outgoing {
  readonly writes: Writes;
  #now: RaftMessage[] = [];
  #after: RaftMessage[] = [];
  #reads: Read[] = [];
  #isProposalDropped = false;
  #fetchSnapshot: Ready['fetchSnapshot'];
  /** As it was handed out last. */
  #saved: RaftHardState;
  #toldCommit: number;
  /** The vote is on the disk; only then a candidate counts its own. */
  #durableVote: { readonly term: number; readonly vote: string | null };

  constructor(lastIndex: number, hardState: RaftHardState) {
    this.writes = new Writes(lastIndex);
    this.#saved = hardState;
    this.#toldCommit = 0;
    this.#durableVote = hardState;
  }

  /** Goes out beside the write. */
  sendNow(message: RaftMessage): void {
    this.#now.push(message);
  }

  /** Promises something that has to be on the disk first. */
  sendAfter(message: RaftMessage): void {
    this.#after.push(message);
  }

  answerRead(id: number, index: number): void {
    this.#reads.push({ id, index });
  }

  dropProposal(): void {
    this.#isProposalDropped = true;
  }

  fetchSnapshot(from: string, index: number): void {
    this.#fetchSnapshot = { from, index };
  }

  dropFetch(): void {
    this.#fetchSnapshot = undefined;
  }

  hasVoted(term: number, vote: string): boolean {
    return this.#durableVote.term === term && this.#durableVote.vote === vote;
  }

  /** Whether there is anything for a `Ready`. */
  isPending(present: Present): boolean {
    return (
      this.writes.isPending ||
      this.#isVoteUnsaved(present) ||
      present.commit > this.#toldCommit ||
      this.#now.length + this.#after.length + this.#reads.length > 0 ||
      this.#isProposalDropped ||
      this.#fetchSnapshot !== undefined
    );
  }

  take(present: Present): Ready {
    const isVoteUnsaved = this.#isVoteUnsaved(present);
    const { truncateFrom, entries } = this.writes.take(isVoteUnsaved);
    // A commit index is worth no write of its own: it is found again. It goes along with others.
    const isSaved = this.writes.isWriting && (isVoteUnsaved || present.commit > this.#saved.commit);
    if (isSaved) {
      this.#saved = { term: present.term, vote: present.vote, commit: present.commit };
    }
    const ready: Ready = {
      ...(isSaved && { hardState: this.#saved }),
      ...(truncateFrom !== undefined && { truncateFrom }),
      entries,
      messagesNow: this.#now,
      messagesAfter: this.#after,
      commit: present.commit,
      reads: this.#reads,
      isProposalDropped: this.#isProposalDropped,
      ...(this.#fetchSnapshot !== undefined && { fetchSnapshot: this.#fetchSnapshot }),
    };
    this.#clear(present.commit);
    return ready;
  }

  persisted(): void {
    if (!this.writes.isWriting) return;
    this.writes.persisted();
    this.#durableVote = this.#saved;
  }

  #clear(commit: number): void {
    this.#toldCommit = commit;
    this.#now = [];
    this.#after = [];
    this.#reads = [];
    this.#isProposalDropped = false;
    this.#fetchSnapshot = undefined;
  }

  #isVoteUnsaved({ term, vote }: Present): boolean {
    return term !== this.#saved.term || vote !== this.#saved.vote;
  }
}
