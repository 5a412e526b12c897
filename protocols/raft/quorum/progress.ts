/** What {@link Progress} starts with. */
export interface ProgressInit {
  readonly peer: string;
  readonly isLearner: boolean;
  readonly nextIndex: number;
  readonly nowMs: number;
}

/**
 * How far a follower is, as its leader sees it, in one of three states (as etcd names them):
 * `probe` looks for where the logs agree, one append at a time; `replicate` sends ahead of the
 * answers;
 * `snapshot` sends nothing while the follower fetches a state.
 */
export class Progress {
  readonly peer: string;
  isLearner: boolean;
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  /** Highest index known durable there. */
  match = 0;
  /** The first index to send next. */
  next: number;
  /** In `probe` and `snapshot`: it is asked, and not again before a sign of life. */
  isPaused = false;
  /** In `replicate`: a sign of life came while the window was full: the appends may be lost. */
  isStalled = false;
  /** The commit index that it knows when everything that was sent arrives. */
  sentCommit = 0;
  /** When it answered last, or when it began to count; see `PeerProgress.answeredMs`. */
  heardMs: number;
  answeredMs = 0;
  hasLostLog = false;
  /** The newest read that it confirmed. */
  confirmedRead = 0;
  /** In `snapshot`: the state it was asked to fetch, and when. */
  snapshotIndex = 0;
  snapshotMs = 0;
  /** Last indices of the appends on their way. */
  #inflight: number[] = [];

  constructor(init: ProgressInit) {
    this.peer = init.peer;
    this.isLearner = init.isLearner;
    this.next = init.nextIndex;
    this.heardMs = init.nowMs;
  }

  get inflightCount(): number {
    return this.#inflight.length;
  }

  /** It said something in this term. */
  hear(nowMs: number): void {
    this.heardMs = nowMs;
    this.answeredMs = nowMs;
  }

  /** What was on its way may be lost: ask where it stands. */
  becomeProbe(): void {
    this.#enter('probe');
    this.sentCommit = 0;
  }

  becomeSnapshot(index: number, nowMs: number): void {
    this.#enter('snapshot');
    this.isPaused = true;
    this.snapshotIndex = index;
    this.snapshotMs = nowMs;
  }

  /** An append up to `lastIndex` went out. */
  sent(lastIndex: number, commit: number, isEmpty: boolean): void {
    this.sentCommit = Math.max(this.sentCommit, Math.min(commit, lastIndex));
    if (this.state === 'probe') {
      this.isPaused = true;
      return;
    }
    this.isStalled = false;
    this.next = lastIndex + 1;
    if (!isEmpty) this.#inflight.push(lastIndex);
  }

  /** It has everything up to `index` on its disk. True when that is news. */
  acknowledge(index: number): boolean {
    const isNews = index > this.match;
    if (isNews) this.match = index;
    this.next = Math.max(this.next, this.match + 1);
    while (this.inflightCount > 0 && (this.#inflight[0] ?? 0) <= index) this.#inflight.shift();
    const isFound = this.state === 'probe' && index >= this.match;
    const hasState = this.state === 'snapshot' && this.match >= this.snapshotIndex;
    if (isFound || hasState) this.#enter('replicate');
    return isNews;
  }

  /**
   * It refused: the logs agree at `index` at the highest. A late refusal costs a probe, no more:
   * what it acknowledged stands.
   */
  refuse(index: number): void {
    if (this.state === 'snapshot') return;
    const before = this.state === 'probe' ? this.next - 1 : Number.POSITIVE_INFINITY;
    this.becomeProbe();
    if (before !== Number.POSITIVE_INFINITY) {
      this.next = Math.max(this.match, Math.min(index, before - 1)) + 1;
    }
  }

  #enter(state: Progress['state']): void {
    this.state = state;
    this.next = this.match + 1;
    this.isPaused = false;
    this.isStalled = false;
    this.#inflight = [];
  }
}
