import type { Crypto, Logger } from '../../interface/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import type { EpochBook } from '../recovery/epoch-book.ts';
import { recoveryIn } from '../recovery/recovery-entry.ts';
import type { Recovery } from '../recovery/recovery-link.ts';
import { ChainWalk } from './chain-walk.ts';
import type { VoterSet } from './head-rules.ts';
import type { KeptLinks } from './known/kept-links.ts';
import type { KnownHeads } from './known/known-heads.ts';
import type { MissingLink } from './missing-links.ts';
import type { ChainLink } from './trust-chain.ts';
import type { HeadName, TrustStore } from './trust-store.ts';
import type { VoterHistory } from './voter-history.ts';

/** What {@link RecoveredChain} works with: parts of the book that it is a part of. */
export interface RecoveredChainComponents {
  readonly meshLog: Pick<MeshLog, 'commitIndex' | 'meshId' | 'read'>;
  readonly crypto: Crypto;
  readonly logger: Logger;
  readonly epochs: EpochBook;
  readonly history: VoterHistory;
  readonly store: TrustStore;
  /** Those that a recovery gives up, or brings, are changed here. */
  readonly links: Pick<KeptLinks, 'indices' | 'missing'>;
  readonly heads: KnownHeads;
}

/** What recoveries do to the chain of trust: they lead on from it, and end what was behind them. */
export class RecoveredChain {
  readonly #components: RecoveredChainComponents;
  readonly #listeners: (() => void)[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  /** Heads that are given up, and not forgotten on the disk yet: it failed. */
  #owed: readonly HeadName[] | undefined;

  constructor(components: RecoveredChainComponents) {
    this.#components = components;
  }

  /**
   * Goes by the recovery that was followed last; epochs and heads are loaded. The program may have
   * ended before all that was given up by then was forgotten.
   *
   * @throws CooeeError ERR_WIRE_*, ERR_STORAGE_*
   */
  async open(): Promise<void> {
    const { newest } = this.#components.epochs;
    if (newest === undefined) return;
    this.#components.history.recover(setOf(newest));
    await this.#giveUp({ bytes: newest.bytes, set: setOf(newest) });
  }

  /**
   * Takes a recovery in, one at a time.
   *
   * @param find gives it, in its turn: no other one is taken in meanwhile
   * @throws CooeeError ERR_SLURP_HEAD (details.reason), ERR_WIRE_*, ERR_STORAGE_*: it may be
   * followed all the same, and the rest is done when it is heard of again; what `find` throws
   */
  async take(find: () => Promise<Uint8Array>): Promise<void> {
    const { epochs } = this.#components;
    await this.inTurn(async () => {
      const bytes = await find();
      const { newest, rival } = epochs;
      try {
        await this.#take(bytes);
      } finally {
        // Also where what it gives up could not be forgotten: to vote on would be worse.
        const isNews = epochs.newest !== newest || epochs.rival !== rival;
        for (const listener of isNews ? this.#listeners : []) listener();
      }
    });
  }

  /** See {@link TrustBook.onRecovery}. */
  onFollowed(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Recoveries that are part of the state and not of the chain, as their entries hold them. */
  async missing(): Promise<readonly Uint8Array[]> {
    const found: Uint8Array[] = [];
    for (const index of this.#missingIndices()) {
      const bytes = await recoveryIn(this.#components.meshLog, index);
      if (bytes !== undefined) found.push(bytes);
    }
    return found;
  }

  /** Whether there is any to look for. */
  get isIncomplete(): boolean {
    return this.#missingIndices().length > 0;
  }

  /**
   * The way from what is certain here to the recovery that is followed; undefined when nothing is
   * unknown in between.
   */
  walk(): ChainWalk | undefined {
    const { crypto, meshLog, epochs, history } = this.#components;
    const gap = history.gap();
    const { newest, key } = epochs;
    if (gap === undefined || newest === undefined) return undefined;
    return new ChainWalk(crypto, { mesh: meshLog.meshId, key, gap, id: newest.id });
  }

  /** Believes the links of a way that has led to its end. @throws CooeeError ERR_STORAGE_* */
  async arrive({ gap, links }: ChainWalk): Promise<void> {
    const { store, links: known, history } = this.#components;
    await this.inTurn(async () => {
      // Meanwhile a later one may have been heard of.
      if (history.gap()?.to !== gap.to) return;
      if (links.length > 0) await store.keepLinks(links);
      for (const { set } of links) known.indices.add(set.index);
      history.fill(
        gap,
        links.map(({ set }) => set),
      );
    });
  }

  /** What is taken into the chain, and what a recovery gives up of it, one after the other. */
  async inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    await done;
  }

  #missingIndices(): readonly number[] {
    const { epochs, links: known } = this.#components;
    const indices = epochs.entryIndices();
    const followed = epochs.isSplit ? indices.at(-1) : undefined;
    return indices.filter((index) => index === followed || !known.indices.has(index));
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const { epochs, logger, history } = this.#components;
    const recovery = epochs.verify(bytes);
    const { id, epoch, index } = recovery;
    const verdict = epochs.judge(recovery);
    const link = { bytes, set: setOf(recovery) };
    if (verdict === 'rival') {
      // It stands still already: of three, each that meets two of them does.
      if (epochs.rival !== undefined) return;
      logger.error({ id, epoch }, 'the same epoch was begun twice');
      await epochs.keepRival(recovery);
      return;
    }
    if (verdict === 'news') {
      logger.warn({ id, epoch, index }, 'the operator recovered the mesh');
      // First: a chain that ends here says nothing while an older epoch is followed.
      await epochs.adopt(recovery);
      history.recover(link.set);
      await this.#giveUp(link);
      return;
    }
    // Where it was done, or an end of the program later, the state has it before the chain does.
    const followed = epochs.isSplit ? epochs.newest : undefined;
    const isOwed = this.#owed !== undefined && epochs.newest?.id === id;
    const isNew = followed !== undefined || isOwed || this.#isMissing(link.set);
    if (verdict === 'known' && isNew) await this.#giveUp(link, followed);
    else if (this.#isMissing(link.set)) {
      await this.#components.store.keepLinks([link]);
      this.#components.links.indices.add(link.set.index);
    }
    if (verdict === 'old' || epochs.newest?.id === id) return;
    await epochs.adopt(recovery);
    // What was followed until now may have named others.
    history.recover(link.set);
  }

  #isMissing({ index, epoch }: VoterSet): boolean {
    const isThat = ({ set }: MissingLink): boolean => set.index === index && set.epoch === epoch;
    return this.#components.links.missing().some(isThat);
  }

  /** Forgets the branch that a recovery gives up, what may be of it, and a rival's, if followed. */
  async #giveUp(link: ChainLink, rival?: Recovery): Promise<void> {
    const { store, links: known, heads, meshLog } = this.#components;
    const { index, epoch } = link.set;
    const { commitIndex } = meshLog;
    const beginning = { index, epoch, commitIndex };
    // In memory at once: what is heard meanwhile is of the new epoch.
    const names = [...(this.#owed ?? []), ...heads.givenUpBy(beginning)];
    this.#owed = names;
    heads.giveUp(beginning);
    // Before its place too: what is not in the log here may be of another branch than this one.
    const links = [...(await store.linksBefore(epoch, Math.min(index, commitIndex)))];
    if (rival !== undefined && rival.entryIndex !== index) links.push(rival.entryIndex);
    const isKept = known.indices.has(index) && rival === undefined;
    if (links.length + names.length > 0 || !isKept) {
      // Under the name of one that was given up there may be one of the new epoch by now.
      const gone = names.filter((name) => !heads.has(name));
      await store.keepRecovery(link, { links, heads: gone });
    }
    for (const it of links) known.indices.delete(it);
    known.indices.add(index);
    this.#owed = undefined;
  }
}

function setOf({ entryIndex: index, voters, epoch }: Recovery): ChainLink['set'] {
  return { index, voters, epoch, isRecovered: true };
}
