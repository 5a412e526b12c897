import {
  type Clock,
  isCooeeError,
  type KeyValueStore,
  LIMITS,
  type Logger,
  type Metrics,
  type Random,
  type StateReader,
  type StoreWrite,
  toError,
} from '../../interface/index.ts';
import type { TrustBook } from '../heads/trust-book.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { TILE_ENTRIES } from '../log/tiles.ts';
import type { AppliedEntry } from '../machine/apply.ts';
import type { AuditTree } from '../proof/audit-tree.ts';
import { OwnChanges } from './changes.ts';
import { OwnRecords } from './own-records.ts';
import type { Dht } from './ports.ts';
import { RecordPublisher } from './publisher.ts';
import type { RecordJudge } from './record-judge.ts';
import { RecordResolver } from './resolver.ts';

/** What {@link MeshRecords} is built from. */
export interface MeshRecordsComponents {
  readonly meshLog: Pick<MeshLog, 'appliedIndex' | 'meshId' | 'read'> & {
    readonly state: StateReader;
  };
  readonly trust: Pick<TrustBook, 'anchor' | 'highest' | 'links' | 'newest'>;
  readonly store: KeyValueStore;
  readonly tree: AuditTree;
  readonly judge: RecordJudge;
  readonly dht: Dht;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** This node's peer id. */
  readonly self: string;
  readonly isLeader: () => boolean;
  /** CID of the newest snapshot of the state that this node holds. */
  readonly stateCid: () => string | undefined;
}

/** A node's part in the records of the DHT: puts its own there, finds those of others. */
export class MeshRecords {
  readonly #components: MeshRecordsComponents;
  readonly #changes: OwnChanges;
  readonly #publisher: RecordPublisher;
  readonly #own: OwnRecords;
  readonly resolver: RecordResolver;
  #settling: Promise<void> = Promise.resolve();

  constructor(components: MeshRecordsComponents) {
    this.#components = components;
    const { meshLog } = components;
    const { meshId, state } = meshLog;
    const read = (index: number) => this.#read(index);
    this.#changes = new OwnChanges({ ...components, state, read });
    const parts = { ...components, meshId, state, changes: this.#changes };
    this.#own = new OwnRecords(parts);
    this.#publisher = new RecordPublisher({ ...components, source: this.#own });
    this.resolver = new RecordResolver(components);
  }

  /** Loads what it keeps: with the log open, before anything more is applied. @throws CooeeError */
  async open(): Promise<void> {
    await this.#changes.open();
  }

  start(): void {
    this.#settle();
    this.#publisher.start();
  }

  async stop(): Promise<void> {
    await this.#publisher.stop();
    await this.#settling;
  }

  /** What goes into the batch of an entry. */
  writesFor(entry: AppliedEntry): readonly StoreWrite[] {
    return this.#changes.writesFor(entry);
  }

  onApplied(entry: AppliedEntry): void {
    for (const token of this.#changes.onApplied(entry)) {
      this.#publisher.changed(OwnRecords.nameOf(token));
    }
    if (entry.batch.commands.some(({ kind }) => kind === 'voter.change')) this.onLeadership();
    if (entry.index % TILE_ENTRIES === 0) this.#settle();
  }

  /** The state was replaced: entries were passed over. */
  onReplaced(): void {
    this.#inTurn(() => this.#changes.adopt());
    this.#publisher.refresh();
  }

  /** A member came. */
  onPeer(): void {
    this.#publisher.onPeer();
  }

  /** Who leads or who votes changed: those who hear nobody shall find the way to the new ones. */
  onLeadership(): void {
    this.#publisher.changed(OwnRecords.head);
  }

  /** A new snapshot of the state is here. */
  onMark(): void {
    this.#publisher.changed(OwnRecords.state);
  }

  /**
   * Puts the newest head that this node knows into the DHT and asks for it again: a record that any
   * member may put there, and that is there anyhow.
   *
   * @returns how many members took a copy, and whether one came back; undefined while no head can
   * be proved
   * @throws the signal's reason; CooeeError ERR_STORAGE_*
   */
  async probe(
    signal: AbortSignal,
  ): Promise<{ readonly copies: number; readonly isFound: boolean } | undefined> {
    const { dht, judge } = this.#components;
    const job = await this.#own.headJob();
    if (job === undefined) return undefined;
    const copies = await dht.put(job.key, job.value, signal);
    for (const value of await dht.get(job.key, signal)) {
      const judged = await judge.judge(job.key, value).catch(() => undefined);
      if (judged !== undefined) return { copies, isFound: true };
    }
    return { copies, isFound: false };
  }

  #settle(): void {
    this.#inTurn(() => this.#changes.settle(this.#components.meshLog.appliedIndex));
  }

  #inTurn(task: () => Promise<unknown>): void {
    this.#settling = this.#settling.then(task).then(
      () => undefined,
      (error: unknown) => {
        this.#components.logger.warn({ err: toError(error) }, 'a proof for the DHT is not kept');
      },
    );
  }

  async #read(index: number): Promise<Uint8Array | undefined> {
    try {
      const [record] = await this.#components.meshLog.read(index, 1, LIMITS.batchBytesMax + 512);
      return record?.bytes;
    } catch (error) {
      if (isCooeeError(error, 'ERR_STORAGE_COMPACTED')) return undefined;
      throw error;
    }
  }
}
