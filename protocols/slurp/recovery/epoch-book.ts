import {
  type Crypto,
  type Health,
  isCooeeError,
  type KeyValueStore,
  type MeshRecord,
  type StateReader,
  voterSetKey,
} from '../../interface/index.ts';
import { cidOf, equalBytes, type MerkleFrontier, merkleRoot } from '../../wire/index.ts';
import { GENESIS_KEY, genesisOf, TOLD_GENESIS_KEY } from './genesis.ts';
import {
  carriedGenesis,
  decodeRecovery,
  keyIn,
  type Recovery,
  verifyRecovery,
} from './recovery-link.ts';
import { type Epoch, epochOf, judgeRecovery } from './recovery-rules.ts';

const NEWEST = { namespace: 'head', key: 'recovery' } as const;
const RIVAL = { namespace: 'head', key: 'recovery-rival' } as const;
/** The operator's recovery key: its public half. */
const OPERATOR = { namespace: 'head', key: 'recovery-key' } as const;
const OPERATOR_BYTES = 32;

/**
 * Keys of the namespace `head` that a home must keep when it begins its log anew. Without a state
 * only these tell the operator's key: neither a recovery nor who shows it need have the genesis.
 */
export const RECOVERY_KEYS: readonly string[] = [
  NEWEST.key,
  RIVAL.key,
  OPERATOR.key,
  GENESIS_KEY,
  TOLD_GENESIS_KEY,
];

/** Pulls in a row that do not fit before what is held is given up for a recovery. */
const MISFITS_MAX = 3;

/** What {@link EpochBook} works with. */
export interface EpochBookComponents {
  readonly meshLog: {
    readonly meshId: string;
    readonly appliedIndex: number;
    readonly state: StateReader;
    frontierAt(index: number): MerkleFrontier | undefined;
  };
  readonly store: KeyValueStore;
  readonly crypto: Crypto;
  readonly health: Health;
}

/**
 * Which epoch of the mesh this node follows. The state tells the epoch of what is applied here; a
 * recovery that was heard of goes before that, and is kept until the state has caught up.
 */
export class EpochBook {
  readonly #components: EpochBookComponents;
  #newest: Recovery | undefined;
  #rival: Recovery | undefined;
  #misfits = 0;
  /** The operator's key as the genesis or an earlier state named it: for while there is none. */
  #namedKey: Uint8Array | undefined;

  constructor(components: EpochBookComponents) {
    this.#components = components;
  }

  /** Loads what was verified before. @throws CooeeError ERR_WIRE_* when damaged, ERR_STORAGE_* */
  async open(): Promise<void> {
    this.#newest = await this.#read(NEWEST.key);
    this.#rival = await this.#read(RIVAL.key);
    const kept = await this.#components.store.get(OPERATOR.namespace, OPERATOR.key);
    if (kept?.length === OPERATOR_BYTES) this.#namedKey = kept;
    this.#name(await this.#genesis());
    for (const it of [this.#newest, this.#rival]) if (it !== undefined) this.#nameBy(it);
    this.#tell();
  }

  /** The epoch that this node follows. */
  get current(): Epoch {
    const own = epochOf(this.#components.meshLog.state);
    const heard = this.#newest;
    if (heard === undefined || heard.epoch <= own.epoch) return own;
    return { epoch: heard.epoch, id: heard.id };
  }

  /** The newest recovery, as it was signed: what others are shown. */
  get newest(): Recovery | undefined {
    return this.#newest;
  }

  /**
   * Another recovery of the same epoch: nobody goes on until the operator has chosen. It may be the
   * one that was followed, when the log has come to hold another.
   */
  get rival(): Recovery | undefined {
    const { epoch, id } = this.current;
    const isRival = (it: Recovery | undefined): boolean =>
      it !== undefined && it.epoch >= epoch && it.id !== id;
    return [this.#newest, this.#rival].find(isRival);
  }

  /** The log has come to hold another recovery of the epoch than the one that was followed. */
  get isSplit(): boolean {
    const { epoch, id } = epochOf(this.#components.meshLog.state);
    return this.#newest?.epoch === epoch && this.#newest.id !== id;
  }

  /**
   * A recovery is known that is not part of the state here: no seat counts that the state names.
   */
  get isBehind(): boolean {
    const own = epochOf(this.#components.meshLog.state);
    return this.#newest !== undefined && this.#newest.epoch > own.epoch;
  }

  /** The last index before a recovery that is followed and not in the state here yet. */
  get awaitedIndex(): number | undefined {
    return this.isBehind ? this.#newest?.index : undefined;
  }

  /** What is applied here is not what goes on: it cannot be followed from here. */
  get isSuperseded(): boolean {
    const { meshLog, crypto } = this.#components;
    const newest = this.#newest;
    if (newest === undefined || !this.isBehind) return false;
    if (meshLog.appliedIndex > newest.index || this.#misfits >= MISFITS_MAX) return true;
    const frontier = meshLog.frontierAt(newest.index);
    if (frontier === undefined || newest.index !== meshLog.appliedIndex) return false;
    return !equalBytes(merkleRoot(crypto.sha256, frontier), newest.root);
  }

  /** What was pulled does not fit what is committed here. */
  misfit(): void {
    if (this.isBehind) this.#misfits++;
  }

  /** What was pulled fits what is committed here: what did not before was the source's fault. */
  fit(): void {
    this.#misfits = 0;
  }

  /** @throws CooeeError ERR_SLURP_HEAD (details.reason), ERR_WIRE_* */
  verify(bytes: Uint8Array): Recovery {
    const { crypto, meshLog } = this.#components;
    return verifyRecovery(crypto, { mesh: meshLog.meshId, key: this.key }, bytes);
  }

  /** The operator's recovery key; undefined while there is neither a state nor a genesis. */
  get key(): Uint8Array | undefined {
    const mesh = this.#components.meshLog.state.get('mesh', 'mesh') as MeshRecord | undefined;
    return mesh?.recovery ?? this.#namedKey;
  }

  /** See {@link judgeRecovery}. */
  judge(found: Recovery): ReturnType<typeof judgeRecovery> {
    return judgeRecovery(this.current, found);
  }

  /**
   * Follows a recovery from now on; what was followed before in the same epoch is its rival.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async adopt(recovery: Recovery): Promise<void> {
    const before = this.#newest;
    const isRival = before?.epoch === recovery.epoch && before.id !== recovery.id;
    const rival = before !== undefined && isRival ? [{ ...RIVAL, value: before.bytes }] : [];
    await this.#keep([{ ...NEWEST, value: recovery.bytes }, ...rival]);
    this.#newest = recovery;
    if (isRival) this.#rival = before;
    this.#misfits = 0;
    this.#nameBy(recovery);
    this.#tell();
  }

  /** Keeps the proof that two were signed. @throws CooeeError ERR_STORAGE_* */
  async keepRival(recovery: Recovery): Promise<void> {
    await this.#keep([{ ...RIVAL, value: recovery.bytes }]);
    this.#rival = recovery;
    this.#tell();
  }

  /**
   * Keeps what another member says that the mesh id is made of: whoever comes with an empty disk
   * needs it to follow a recovery, and those who began with the mesh may all be gone by then. What
   * it is not is passed over.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async keepGenesis(told: Uint8Array): Promise<void> {
    const { crypto, meshLog } = this.#components;
    if (cidOf(crypto.sha256, told) !== meshLog.meshId) return;
    await this.#keep([{ namespace: 'head', key: TOLD_GENESIS_KEY, value: told }]);
    this.#name(told);
  }

  /** Indices of the entries of the state that are recoveries. */
  entryIndices(): readonly number[] {
    const { state } = this.#components.meshLog;
    const indices: number[] = [];
    let last = '';
    for (let n = 1; n <= state.size('voterset'); n++) {
      const row = state.get('voterset', voterSetKey(n));
      if (row?.recovery !== undefined && row.recovery !== last) indices.push(row.index);
      last = row?.recovery ?? '';
    }
    return indices;
  }

  /** A damaged one is as good as none: others have it. */
  async #genesis(): Promise<Uint8Array | undefined> {
    try {
      return await genesisOf(this.#components.store);
    } catch (error) {
      if (isCooeeError(error) && error.code.startsWith('ERR_WIRE_')) return undefined;
      throw error;
    }
  }

  #nameBy({ bytes }: Recovery): void {
    this.#name(carriedGenesis(bytes));
  }

  /** Only a genesis that is the one of this mesh names a key. */
  #name(genesis: Uint8Array | undefined): void {
    const { crypto, meshLog } = this.#components;
    this.#namedKey ??= keyIn(crypto, meshLog.meshId, genesis);
  }

  #tell(): void {
    const { health } = this.#components;
    const { rival } = this;
    if (rival === undefined) {
      health.clear('epoch-conflict');
      return;
    }
    const { epoch, id } = this.current;
    health.raise({
      code: 'epoch-conflict',
      severity: 'error',
      text: `Epoch ${epoch} was begun twice, by recovery ${id} here and ${rival.id} elsewhere.`,
      remedy: 'On a node of the branch that is to go on: cooee recover --choose ID',
    });
  }

  async #read(key: string): Promise<Recovery | undefined> {
    const { store, crypto } = this.#components;
    const bytes = await store.get('head', key);
    return bytes === undefined ? undefined : decodeRecovery(crypto.sha256, bytes);
  }

  async #keep(writes: Parameters<KeyValueStore['batch']>[0]): Promise<void> {
    const { store } = this.#components;
    if (store.status === 'failed') await store.open();
    const { key } = this;
    // With the recovery: the state that names the key may be set aside for it.
    const named = key === undefined ? [] : [{ ...OPERATOR, value: key }];
    await store.batch([...writes, ...named], { sync: true });
  }
}
