/** A read and the commit index it has to wait for. */
export interface PendingRead {
  readonly id: number;
  readonly index: number;
}

/**
 * Reads that wait for a quorum to confirm the leader (Ongaro 2014, section 6.4). One round of
 * heartbeats, sent after the reads came, answers for all of them.
 */
export class ReadIndex {
  #pending: PendingRead[] = [];
  #newest = 0;
  #asked = 0;

  /** The newest read that waits; 0 = none does. */
  get waiting(): number {
    return this.#pending.length === 0 ? 0 : this.#newest;
  }

  /** The newest read that ever came: no honest answer names a later one. */
  get newest(): number {
    return this.#newest;
  }

  /** Whether reads wait that no heartbeat has asked for yet. */
  get isUnasked(): boolean {
    return this.waiting > this.#asked;
  }

  add(id: number, index: number): void {
    this.#pending.push({ id, index });
    this.#newest = id;
  }

  /** Heartbeats that name {@link waiting} have gone to everyone. */
  asked(): void {
    this.#asked = Math.max(this.#asked, this.waiting);
  }

  /** Takes out the reads up to `id`. */
  confirm(id: number): readonly PendingRead[] {
    const next = this.#pending.findIndex((read) => read.id > id);
    return this.#pending.splice(0, next < 0 ? this.#pending.length : next);
  }
}
