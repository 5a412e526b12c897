import {
  type Clock,
  CooeeError,
  type Crypto,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type LogRecord,
  type Random,
  type SeedKey,
  type Signer,
  toError,
} from '../../interface/index.ts';
import { TERM_LEAP_MAX } from '../../raft/index.ts';
import { cidOf, equalBytes } from '../../wire/index.ts';
import { leaderBatch } from '../driver/leader-batch.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { decodeEntry, encodeEntry } from '../machine/codec.ts';
import { checkEntry } from '../replica/check-entry.ts';
import type { EpochBook } from './epoch-book.ts';
import type { RecoveryExchange } from './exchange.ts';
import { genesisOf } from './genesis.ts';
import {
  carriedGenesis,
  RECOVERY_NONCE_BYTES,
  type RecoveryBody,
  signRecovery,
} from './recovery-link.ts';
import {
  assertRecovery,
  awayVoters,
  type MemberReport,
  type RecoveryFacts,
} from './recovery-rules.ts';

/** The end of the log that was never proved is read in pieces. */
const READ_ENTRIES = 128;
const READ_BYTES_MAX = 1024 * 1024;

/** What {@link MeshRecovery} works with. */
export interface MeshRecoveryComponents {
  readonly meshLog: MeshLog;
  readonly trust: {
    readonly epochs: EpochBook;
    voters(): readonly string[];
    recoverBy(make: () => Promise<Uint8Array>): Promise<void>;
  };
  readonly consensus: {
    refound(
      task: (how: { readonly hadSeat: boolean; readonly isLed: boolean }) => Promise<void>,
    ): Promise<void>;
  };
  readonly exchange: Pick<RecoveryExchange, 'ask' | 'tellAll'>;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: KeyValueStore;
  readonly logger: Logger;
  /** What this node says of itself. */
  readonly report: () => Omit<MemberReport, 'peer'>;
  /** Connects to members that are away, as far as that can be done in a few seconds. */
  readonly dial: (peers: readonly string[]) => Promise<void>;
  readonly connected: () => readonly string[];
  /** See {@link RecoveryFacts.unproved}. */
  readonly unproved: () => readonly string[];
  /** A sync failed: what the disk holds is unknown, so the process must end and look again. */
  readonly onFatal: (error: CooeeError) => void;
}

/** What the operator says. */
export interface RecoverOptions {
  /** Voters that are lost for good. */
  readonly lost: readonly string[];
  /** Of two recoveries the one that is to go on: this node's own. */
  readonly choose?: string | undefined;
}

/** What a recovery comes to. */
export interface RecoveryPlan {
  readonly epoch: number;
  /** The last entry that goes on. */
  readonly index: number;
  readonly term: number;
  readonly voters: readonly string[];
  /** Voters that cannot be reached. */
  readonly away: readonly string[];
  /** Members that answered. */
  readonly reachable: readonly string[];
  /**
   * The highest index that anybody here knows to have been committed: beyond `index` it is lost.
   */
  readonly knownIndex: number;
}

/** Puts a mesh that lost the majority of its voters onto the log of this node. */
export class MeshRecovery {
  readonly #components: MeshRecoveryComponents;

  constructor(components: MeshRecoveryComponents) {
    this.#components = components;
  }

  /**
   * What a recovery on this node would come to.
   *
   * @throws CooeeError ERR_SLURP_QUORUM, ERR_SLURP_RECOVERY (details.reason `choose`, `epoch`,
   * `longer`, `lost`)
   */
  async plan(options: RecoverOptions): Promise<RecoveryPlan> {
    return (await this.#survey(options)).plan;
  }

  /**
   * Recovers: signs the next epoch with the operator's key, puts it behind this node's log, and
   * lets that log go on with this node as the only voter. The others follow, and get seats again.
   *
   * @returns with the id of the recovery
   * @throws CooeeError as {@link plan}, ERR_SLURP_RECOVERY with details.reason `key`, `halted` or
   * `moved`; ERR_SLURP_SIGNATURE when the end of the log is forged; ERR_STORAGE_*
   */
  async recover(
    key: SeedKey,
    options: RecoverOptions,
  ): Promise<RecoveryPlan & { readonly id: string }> {
    const { trust, consensus, exchange, logger } = this.#components;
    const own = trust.epochs.key;
    if (own === undefined || !equalBytes(own, key.publicKey)) {
      throw refusal('key', "that is not this mesh's recovery key");
    }
    const { plan, genesis, maybeLed } = await this.#survey(options);
    let place = { index: plan.index, term: plan.term };
    await consensus.refound(async ({ hadSeat, isLed }) => {
      // Since the others were asked: enough of them came back.
      if (isLed && !maybeLed) throw moved();
      // A rival that is heard of in between would be followed until this one is in the log, and
      // then be forgotten.
      await trust.recoverBy(async () => {
        const refounding = this.#refound({ key, plan, genesis, hadSeat });
        const begun = await refounding.catch((error: unknown) => this.#fail(error));
        place = { index: begun.index, term: begun.term };
        return begun.link;
      });
    });
    exchange.tellAll();
    const { id } = trust.epochs.current;
    logger.warn({ id, epoch: plan.epoch, index: place.index }, 'the mesh was recovered here');
    return { ...plan, ...place, id };
  }

  async #survey(options: RecoverOptions) {
    const { trust, signer, exchange, meshLog, report, dial, connected } = this.#components;
    const voters = trust.voters();
    // It opens a failed store: without one nothing can be asked or kept.
    const genesis = await this.#genesis();
    await dial(voters.filter((peer) => peer !== signer.peer));
    const asked = await Promise.all(
      connected().map(async (peer) => {
        const answer = await exchange.ask(peer).catch((error: unknown) => {
          this.#components.logger.debug({ err: toError(error), peer }, 'a member does not answer');
        });
        return answer === undefined ? [] : [{ peer, ...answer }];
      }),
    );
    const answers = asked.flat();
    const self = { peer: signer.peer, ...report() };
    const reports = answers.map((it): MemberReport => ({ peer: it.peer, ...it.report }));
    const isChoosing = this.#isChoosing(options.choose);
    const facts: RecoveryFacts = {
      ...{ self, reports, voters, lost: options.lost, isChoosing },
      isBehind: trust.epochs.isBehind,
      unproved: this.#components.unproved(),
    };
    if (meshLog.halted !== undefined) throw refusal('halted', 'the log cannot be applied here');
    assertRecovery(facts);
    const all = [self, ...reports];
    // Anybody can name a number, and behind the last one there is no other.
    const terms = all.map(({ term }) => term).filter((term) => term - self.term < TERM_LEAP_MAX);
    const plan: RecoveryPlan = {
      epoch: trust.epochs.current.epoch + 1,
      index: meshLog.tailIndex,
      term: Math.max(...terms) + 1,
      voters: [signer.peer],
      away: awayVoters(facts),
      reachable: reports.map(({ peer }) => peer),
      knownIndex: Math.max(...all.map(({ knownIndex }) => knownIndex)),
    };
    return {
      plan,
      genesis: genesis ?? (await this.#genesis()),
      maybeLed: isChoosing || facts.unproved.length > 0,
    };
  }

  #isChoosing(choose: string | undefined): boolean {
    const { current, rival } = this.#components.trust.epochs;
    if (rival === undefined && choose === undefined) return false;
    if (rival !== undefined && choose === current.id) return true;
    const facts = `this node follows ${current.id === '' ? 'no recovery' : current.id}`;
    throw refusal(
      'choose',
      rival === undefined
        ? 'there is nothing to choose between'
        : `${facts}, ${rival.id} is the other one: choose on a node of the branch that goes on`,
    );
  }

  async #refound(how: {
    readonly key: SeedKey;
    readonly plan: RecoveryPlan;
    readonly genesis: Uint8Array | undefined;
    readonly hadSeat: boolean;
  }): Promise<Pick<RecoveryPlan, 'index' | 'term'> & { readonly link: Uint8Array }> {
    const { meshLog, trust, signer, crypto, clock, random } = this.#components;
    const { key, plan, genesis, hadSeat } = how;
    if (meshLog.isLogFailed) await meshLog.reopenLog();
    // Pulled and never proved: nobody with a vote has acknowledged it here.
    if (!hadSeat && meshLog.tailIndex > meshLog.commitIndex) await meshLog.dropUncommitted();
    if (trust.epochs.current.epoch >= plan.epoch) throw moved();
    const index = meshLog.tailIndex;
    const tailTimeMs = await this.#checkTail();
    const timeMs = Math.max(clock.nowMs(), tailTimeMs, meshLog.appliedTimeMs);
    const { epoch, voters } = plan;
    const term = Math.max(plan.term, meshLog.term + 1);
    const root = meshLog.tailRoot();
    const { meshId: mesh } = meshLog;
    const body: Omit<RecoveryBody, 'v'> = {
      mesh,
      epoch,
      index,
      root,
      term,
      timeMs,
      voters: [...voters],
      nonce: random.bytes(RECOVERY_NONCE_BYTES),
    };
    const link = signRecovery(key, body, genesis);
    // As every other node will, before anything is written that cannot be taken back.
    trust.epochs.verify(link);
    const maker = { signer, crypto, clock, meshId: mesh };
    const batch = leaderBatch(maker, 'mesh.recover', { term, link });
    const bytes = encodeEntry({ index: index + 1, term, timeMs, batch: batch.bytes });
    await this.#write({ index: index + 1, term, bytes });
    return { index, term, link };
  }

  /** With one write: the end of the log is committed by nothing but this entry behind it. */
  async #write(record: LogRecord): Promise<void> {
    const { meshLog, signer } = this.#components;
    const { index, term } = record;
    try {
      await meshLog.persist([record], { term, vote: signer.peer, commit: index });
    } catch (error) {
      // It may be on the disk all the same: found out later, it would come as a rival of the next.
      await meshLog.reopenLog();
      if (meshLog.commitIndex < index) throw error;
    }
    await meshLog.commitTo(index);
  }

  /** Told before anybody goes on with this log: the recovery may be in it or not. */
  #fail(error: unknown): never {
    const isFatal = isCooeeError(error) && error.details['fatal'] === true;
    if (isFatal) this.#components.onFatal(error);
    throw error;
  }

  /** Nobody proved the end of the log: what is forged must not be committed. @returns its time */
  async #checkTail(): Promise<number> {
    const { meshLog, crypto } = this.#components;
    const { meshId, tailIndex } = meshLog;
    let timeMs = 0;
    for (let from = meshLog.commitIndex + 1; from <= tailIndex; ) {
      const records = await meshLog.read(from, READ_ENTRIES, READ_BYTES_MAX);
      if (records.length === 0) throw new CooeeError('ERR_STORAGE_DAMAGED');
      for (const { index, bytes } of records) {
        checkEntry(bytes, { crypto, meshId, index, termMax: meshLog.term });
        ({ timeMs } = decodeEntry(bytes));
        from = index + 1;
      }
    }
    return timeMs;
  }

  #isGenesis(bytes: Uint8Array): boolean {
    const { crypto, meshLog } = this.#components;
    return cidOf(crypto.sha256, bytes) === meshLog.meshId;
  }

  async #genesis(): Promise<Uint8Array | undefined> {
    const { store, trust } = this.#components;
    const { newest } = trust.epochs;
    // It may have failed with a full disk, and nothing else writes to it while nobody leads.
    if (store.status === 'failed') await store.open();
    const kept = await genesisOf(store);
    if (kept !== undefined && this.#isGenesis(kept)) return kept;
    return newest === undefined ? undefined : carriedGenesis(newest.bytes);
  }
}

function moved(): CooeeError {
  return refusal('moved', 'the mesh has moved on meanwhile: try again');
}

function refusal(reason: string, message: string): CooeeError {
  return new CooeeError('ERR_SLURP_RECOVERY', message, { details: { reason } });
}
