import { z } from 'zod';
import {
  type Clock,
  CooeeError,
  type Crypto,
  type KeyValueStore,
  LIMITS,
  type Metrics,
  type Responder,
  type Signer,
  type Timer,
} from '../../../interface/index.ts';
import {
  bytesOf,
  count,
  decodeAs,
  encodeCanonical,
  equalBytes,
  merkleRoot,
  toHex,
} from '../../../wire/index.ts';
import type { MeshLog } from '../../log/mesh-log.ts';
import { decodeHeadBody, type Head } from '../../machine/codec.ts';
import { isSameVoters, refuseHead, signHeadBody } from '../head-rules.ts';
import type { Leadership, StateMarks } from '../ports.ts';
import type { TrustBook } from '../trust-book.ts';
import { linkRoot } from './link-root.ts';
import { headAnswer, headProtocol } from './protocol.ts';

/** How long a request may wait until its index is applied here. */
const APPLY_WAIT_MS = 1_000;
/** Requests that may wait at once; a leader has one or two under way. */
const WAITING_MAX = 16;

const markSchema = z.strictObject({
  /** The highest index that was signed, with its root. */
  index: count,
  root: bytesOf(32),
  /** The highest term that was signed in. */
  term: count,
});

/** What a node last put its name to. */
export type SignedMark = z.output<typeof markSchema>;

/** What {@link HeadSigner} works with. */
export interface HeadSignerComponents {
  readonly meshLog: MeshLog;
  readonly trust: Pick<TrustBook, 'electorateAt' | 'epochs'>;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: KeyValueStore;
  readonly metrics: Metrics;
  readonly leadership: Leadership;
  /** Undefined while no snapshots are made. */
  readonly marks?: StateMarks | undefined;
}

/**
 * Signs heads as a voter: only what is applied here, with the root that this node computed itself,
 * for the leader of its term. The highest head it signed is on the disk before the signature
 * leaves: later it betrays a home that was restored from an older copy.
 */
export class HeadSigner {
  readonly #components: HeadSignerComponents;
  readonly #waiting = new Set<() => void>();
  #mark: SignedMark | undefined;
  #signing: Promise<void> = Promise.resolve();

  constructor(components: HeadSignerComponents) {
    this.#components = components;
    components.meshLog.onApplied(() => {
      for (const wake of this.#waiting) wake();
    });
  }

  /** Loads what was signed last. @throws CooeeError ERR_WIRE_* when it is damaged, ERR_STORAGE_* */
  async open(): Promise<void> {
    const bytes = await this.#components.store.get('head', 'signed');
    if (bytes !== undefined) this.#mark = decodeAs(markSchema, bytes, 256);
  }

  /** The highest that this node signed; undefined before the first. */
  get signed(): SignedMark | undefined {
    return this.#mark;
  }

  /**
   * Whether this node signed for more than its log holds: the log is older than the signature, so
   * votes and acknowledgements may be forgotten too. Nothing is signed then.
   */
  get isStateLost(): boolean {
    return this.#mark !== undefined && this.#mark.index > this.#components.meshLog.tailIndex;
  }

  /** Answers the leader's requests. */
  async serve(responder: Responder): Promise<void> {
    const { meshId } = this.#components.meshLog;
    await responder.handle(headProtocol(meshId), async (peer, body) =>
      headAnswer.encode(await this.sign(peer, body)),
    );
  }

  /**
   * The signature over a head's body that a peer asks for.
   *
   * @throws CooeeError ERR_SLURP_HEAD with details.reason `mesh`, `epoch`, `leader`, `behind`,
   * `voters`, `root`, `state`, `time`, `fork` or `lost`; ERR_API_BUSY; ERR_WIRE_*; ERR_STORAGE_*
   */
  async sign(peer: string, body: Uint8Array): Promise<Uint8Array> {
    const head = decodeHeadBody(body);
    this.#assertAsker(peer, head);
    await this.#applied(head.index);
    // Much may have happened in a second.
    this.#assertAsker(peer, head);
    await this.#assertContent(head);
    const signing = this.#signing.then(() => this.#remember(head));
    this.#signing = signing.catch(() => undefined);
    await signing;
    this.#components.metrics.count('cooee_slurp_heads_signed_total');
    return signHeadBody(this.#components.signer, body);
  }

  #assertAsker(peer: string, head: Head): void {
    const { meshLog, leadership, trust } = this.#components;
    if (head.mesh !== meshLog.meshId) throw refuseHead('mesh');
    const { epoch = 0 } = trust.electorateAt(head.index);
    // Of an epoch that is over a majority may have signed another log up to there: who took over
    // the one that goes on has forgotten that, and would give proof against itself.
    if (head.epoch !== epoch || epoch < trust.epochs.current.epoch) throw refuseHead('epoch');
    if (head.term !== leadership.term || leadership.leader !== peer) {
      throw refuseHead('leader', 'not asked by the leader of this term', {
        term: leadership.term,
        leader: leadership.leader ?? null,
      });
    }
    if (this.isStateLost) throw refuseHead('lost', 'this node lost what it signed before');
  }

  async #assertContent(head: Head): Promise<void> {
    const { trust, signer, marks } = this.#components;
    const { signers, voters } = trust.electorateAt(head.index);
    const isOwn = voters !== undefined && isSameVoters(voters, head.voters);
    if (!isOwn || !signers.includes(signer.peer)) throw refuseHead('voters');
    const root = await this.#rootAt(head.index);
    if (root === undefined) throw refuseHead('behind', 'the root of that index is not at hand');
    if (!equalBytes(root, head.root)) {
      throw refuseHead('root', 'another root than here', {
        index: head.index,
        ours: toHex(root),
        theirs: toHex(head.root),
      });
    }
    const ours = head.stateCid === undefined ? undefined : marks?.cidAt(head.index);
    if (ours !== head.stateCid) {
      // With its own CID only when it has one: a snapshot that is not done says nothing.
      const own = ours === undefined ? {} : { ours };
      throw refuseHead('state', 'another state than here', { index: head.index, ...own });
    }
    this.#assertTime(head);
  }

  /** The agreed time of the log is always fine; a clock is, when it is near this node's. */
  #assertTime(head: Head): void {
    const { clock, meshLog } = this.#components;
    if (head.timeMs <= meshLog.appliedTimeMs) return;
    if (Math.abs(head.timeMs - clock.nowMs()) <= LIMITS.timeWindowMs) return;
    throw refuseHead('time', 'the time of the head is not ours');
  }

  async #rootAt(index: number): Promise<Uint8Array | undefined> {
    const { meshLog, crypto, marks, store } = this.#components;
    const frontier = meshLog.frontierAt(index);
    if (frontier !== undefined) return merkleRoot(crypto.sha256, frontier);
    const mark = marks?.recent().find((it) => it.index === index);
    if (mark !== undefined) return mark.root;
    return await linkRoot(store, meshLog.state, index);
  }

  /** Never two roots for one index; and what was signed is not forgotten. */
  async #remember({ index, term, root }: Head): Promise<void> {
    const known = this.#mark;
    if (known?.index === index && !equalBytes(known.root, root)) {
      throw refuseHead('fork', 'another root was signed at that index', { index });
    }
    if (known !== undefined && known.index >= index && known.term >= term) return;
    const isHigher = known === undefined || index > known.index;
    const mark: SignedMark = {
      index: isHigher ? index : known.index,
      root: isHigher ? root : known.root,
      term: Math.max(term, known?.term ?? 0),
    };
    await this.#components.store.batch(
      [{ namespace: 'head', key: 'signed', value: encodeCanonical(mark) }],
      { sync: true },
    );
    this.#mark = mark;
  }

  /** Waits until an index is applied, for a second. */
  async #applied(index: number): Promise<void> {
    const { meshLog, clock } = this.#components;
    if (meshLog.appliedIndex >= index) return;
    if (this.#waiting.size >= WAITING_MAX) throw new CooeeError('ERR_API_BUSY');
    let timer: Timer | undefined;
    let wake: () => void = () => undefined;
    const isThere = await new Promise<boolean>((resolve) => {
      wake = () => {
        if (meshLog.appliedIndex >= index) resolve(true);
      };
      this.#waiting.add(wake);
      timer = clock.schedule(APPLY_WAIT_MS, () => resolve(false));
    });
    timer?.cancel();
    this.#waiting.delete(wake);
    if (!isThere) {
      throw refuseHead('behind', 'not applied here yet', { applied: meshLog.appliedIndex });
    }
  }
}
