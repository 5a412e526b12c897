import { type Crypto, isCooeeError } from '../../interface/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import type { VoterSet } from './head-rules.ts';
import { type ChainLink, followChain } from './trust-chain.ts';
import { linkIndex, type TrustStore } from './trust-store.ts';
import type { HistoryStep, VoterHistory } from './voter-history.ts';

/** What {@link SkippedLinks} works with. */
export interface SkippedLinksComponents {
  readonly meshLog: Pick<MeshLog, 'meshId'>;
  readonly crypto: Crypto;
  readonly history: Pick<VoterHistory, 'insert' | 'step'>;
  readonly store: Pick<TrustStore, 'linksAfter'>;
}

/** Links that lead from one set of voters to the next that is known by way of others. */
export interface Detour {
  readonly next: VoterSet;
  /** What was taken for the link to {@link next} is an ordinary head: these lead there. */
  readonly isNeedless: boolean;
  /** By rising index, without the one to {@link next}; none when they do not lead there. */
  readonly links: readonly ChainLink[];
}

/** Reasons for which a head is refused that other voters in force at its index would explain. */
const EXPLAINED: ReadonlySet<string | undefined> = new Set(['chain', 'foreign', 'too-few']);

/**
 * Changes of voters that this node went past. Who signed a link may be a majority of the voters
 * before the last change as well: the link verifies where that change is not known, and what was
 * signed in between does not. So a head from there that is refused is a reason to ask for the links
 * before it once more.
 */
export class SkippedLinks {
  readonly #components: SkippedLinksComponents;
  /** The lowest and the highest index of heads that were refused. */
  #refused: { readonly from: number; readonly to: number } | undefined;

  constructor(components: SkippedLinksComponents) {
    this.#components = components;
  }

  /** A head of that index was refused: it counts where links alone tell who signs it. */
  refused(index: number, reason: string | undefined): void {
    if (!EXPLAINED.has(reason) || this.#components.history.step(index) === undefined) return;
    const { from, to } = this.#refused ?? { from: index, to: index };
    this.#refused = { from: Math.min(from, index), to: Math.max(to, index) };
  }

  /**
   * Where links are wanted once more: behind `after`, and before `end`. Undefined when none is
   * missed, or the state here tells by now.
   */
  get wanted(): { readonly after: number; readonly end: number } | undefined {
    if (this.#refused === undefined) return undefined;
    const { from, to } = this.#refused;
    const last = this.#components.history.step(to);
    if (last === undefined) {
      this.#refused = undefined;
      return undefined;
    }
    const first = this.#components.history.step(from) ?? last;
    return { after: first.before.index, end: last.next.index };
  }

  /**
   * Verifies those that fill a step: each as any link is, and the one to the voters that are known
   * must follow from the last of them. Others are passed over, as who gave them need not have all.
   *
   * @param heads by rising index
   * @throws CooeeError ERR_WIRE_*, ERR_STORAGE_*
   */
  async find(heads: readonly Uint8Array[]): Promise<readonly Detour[]> {
    if (this.wanted === undefined) return [];
    const steps = new Map<VoterSet, { before: VoterSet; links: Uint8Array[] }>();
    for (const bytes of heads) {
      const index = linkIndex(bytes);
      const step = this.#components.history.step(index);
      if (step === undefined) continue;
      const known = steps.get(step.next) ?? { before: step.before, links: [] };
      known.links.push(bytes);
      steps.set(step.next, known);
    }
    const detours: Detour[] = [];
    for (const [next, { before, links }] of steps) {
      const detour = await this.#follow({ before, next }, links);
      if (detour.links.length > 0) detours.push(detour);
    }
    return detours;
  }

  /** Believes the links of detours. */
  fill(detours: readonly Detour[]): void {
    for (const { next, links, isNeedless } of detours) {
      const sets = links.map(({ set }) => set);
      this.#components.history.insert(next, sets, isNeedless);
      // What is refused all the same counts anew.
      this.#refused = undefined;
    }
  }

  async #follow({ before, next }: HistoryStep, links: readonly Uint8Array[]): Promise<Detour> {
    const { crypto, meshLog, store } = this.#components;
    const none = { next, isNeedless: false, links: [] };
    const [end] = await store.linksAfter(next.index - 1, 1);
    if (end === undefined) return none;
    try {
      const start = { mesh: meshLog.meshId, epoch: before.epoch, set: before };
      const followed = followChain(crypto, start, [...links, end]).links;
      const between = followed.filter(({ bytes }) => bytes !== end);
      return { next, links: between, isNeedless: between.length === followed.length };
    } catch (error) {
      if (!isCooeeError(error, 'ERR_SLURP_HEAD')) throw error;
      return none;
    }
  }
}
