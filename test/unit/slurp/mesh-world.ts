import { makeGenesis } from '../../../bootstrap/genesis.ts';
import { nodeCrypto, peerOfKey, seedKey } from '../../../daemon/system/crypto.ts';
import { HealthBook } from '../../../daemon/system/health.ts';
import type {
  Crypto,
  KeyValueStore,
  LogRecord,
  LogStore,
  Metrics,
  Random,
  SeedKey,
  Signer,
} from '../../../protocols/interface/index.ts';
import { encodeProof } from '../../../protocols/membership/index.ts';
import {
  type Command,
  decodeEntry,
  encodeBatch,
  encodeEntry,
  MeshLog,
  mendInstall,
} from '../../../protocols/slurp/index.ts';
import { commandId } from '../../../protocols/slurp/machine/command-id.ts';
import {
  appendLeaf,
  cidOf,
  EMPTY_FRONTIER,
  encodeCanonical,
  leafHash,
  merkleRoot,
} from '../../../protocols/wire/index.ts';
import type { Faults } from '../../../storage/faults.ts';
import { type FileFate, MemoryFiles } from '../../../storage/files/memory-files.ts';
import { MemoryLog } from '../../../storage/memory-log.ts';
import { MemoryStore } from '../../../storage/memory-store.ts';
import { recordLogger } from '../storage/record-logger.ts';
import { ManualClock, settle } from '../wire/manual-clock.ts';
import { encodeHead } from './heads/sign-head.ts';
import { rememberingCrypto } from './remembering-crypto.ts';

export { ManualClock, settle };

export const crypto: Crypto = rememberingCrypto(nodeCrypto);
export const START_MS = 1_700_000_000_000;

const keys = new Map<number, SeedKey>();

/** Made once: importing a key takes as long as signing with it. */
export function keyOf(number: number): SeedKey {
  const key = keys.get(number) ?? seedKey(new Uint8Array(32).fill(number));
  keys.set(number, key);
  return key;
}

/** A node with a key of its own; equal numbers are the same node. */
export function signerOf(number: number): Signer {
  const { publicKey, sign } = keyOf(number);
  return { peer: peerOfKey(publicKey), sign };
}

/** Who holds the recovery key. */
export const operator = keyOf(200);

export const founder = signerOf(1);
export const second = signerOf(2);
export const third = signerOf(3);
export const stranger = signerOf(9);

const genesis = makeGenesis({
  signer: founder,
  crypto,
  boot: 1,
  timeMs: START_MS,
  body: {
    name: 'test mesh',
    memberName: 'one',
    addresses: [],
    recovery: operator.publicKey,
    nonce: new Uint8Array(16),
    levels: [1, 1],
  },
});

export const MESH = genesis.meshId;
export const GENESIS: LogRecord = { index: 1, term: 1, bytes: genesis.entry };

export type Change = Pick<Command, 'kind' | 'body'> & Partial<Pick<Command, 'id' | 'made'>>;

/** Signs a batch of commands as its origin would; the number names it. */
export function batchOf(
  origin: Signer,
  number: { readonly boot?: number; readonly seq: number; readonly mesh?: string },
  changes: readonly Change[],
): Uint8Array {
  const { boot = 1, seq, mesh = MESH } = number;
  const commands = changes.map((change, i) => ({
    id: cidOf(crypto.sha256, encodeCanonical([origin.peer, boot, seq, i])),
    ...change,
    actor: { peer: origin.peer },
    timeMs: START_MS,
  }));
  return encodeBatch(origin, { mesh, boot, seq, commands });
}

export const rename = (name: string): Change => ({ kind: 'mesh.settings', body: { name } });
export const issue = (invite: number, uses = 1): Change => ({
  kind: 'invite.issue',
  body: {
    key: keyOf(invite).publicKey,
    role: 'member',
    uses,
    expiresMs: START_MS + 10_000_000,
  },
});
export const add = (joiner: Signer, invite: number): Change => ({
  kind: 'member.add',
  body: {
    peer: joiner.peer,
    name: 'host',
    addresses: [],
    levels: [1, 1],
    invite: keyOf(invite).publicKey,
    proof: encodeProof(keyOf(invite), {
      mesh: MESH,
      peer: joiner.peer,
      expiresMs: START_MS + 10_000_000,
    }),
  },
});
/** Opens a call: the command of that number that the asker makes. */
export const ask = (asker: Signer, number: number, question = 'May I?'): Change => {
  const made = { boot: 1, number };
  const more = { context: '', options: [], severity: 'info', onTimeout: 'wait' };
  return {
    ...{ kind: 'call.open', id: commandId(crypto.sha256, asker.peer, made), made },
    body: { question, ...more, deadline: { afterMs: 60_000 } },
  };
};
export const boot = (number: number, digit = 'a'): Change => ({
  kind: 'member.boot',
  body: {
    boot: number,
    bootNonce: digit.repeat(32),
    name: 'host',
    addresses: [],
    levels: [1, 1],
  },
});

/** Log records for batches, behind those that are there. */
export function recordsOf(
  batches: readonly Uint8Array[],
  from = 2,
  place: { readonly term?: number; readonly timeMs?: number } = {},
): LogRecord[] {
  const { term = 2, timeMs = START_MS } = place;
  return batches.map((batch, i) => {
    const index = from + i;
    return { index, term, bytes: encodeEntry({ index, term, timeMs: timeMs + index, batch }) };
  });
}

export function rootOf(records: readonly LogRecord[]): Uint8Array {
  let frontier = EMPTY_FRONTIER;
  for (const { bytes } of records) {
    frontier = appendLeaf(crypto.sha256, frontier, leafHash(crypto.sha256, bytes));
  }
  return merkleRoot(crypto.sha256, frontier);
}

/** A head of that log, signed by the founder unless told otherwise. */
export function headOf(records: readonly LogRecord[], signer = founder): Uint8Array {
  return encodeHead(signer, {
    mesh: MESH,
    epoch: 0,
    term: 9,
    index: records.length,
    root: rootOf(records),
    voters: [founder.peer],
    timeMs: START_MS,
  });
}

/** Faults that can be switched on by name. */
export class Switches implements Faults {
  readonly #failing = new Map<string, Error>();
  readonly hits: string[] = [];

  fail(point: string, error: Error): void {
    this.#failing.set(point, error);
  }

  mend(): void {
    this.#failing.clear();
  }

  hit(point: string): void {
    this.hits.push(point);
    const error = this.#failing.get(point);
    if (error !== undefined) throw error;
  }
}

/** A store that knows where its batches end, to lose power between two of them. */
class BatchStore extends MemoryStore {
  #unsynced: number[] = [];

  override async batch(...[writes, options]: Parameters<MemoryStore['batch']>): Promise<void> {
    if (writes.length > 0) this.#unsynced.push(writes.length);
    await super.batch(writes, options);
    if (options?.sync === true) this.#unsynced = [];
  }

  override defer(...[writes, options]: Parameters<MemoryStore['defer']>): Promise<void> {
    const keys = new Set(writes.map(({ namespace, key }) => `${namespace} ${key}`));
    const written = super.defer(writes, options);
    this.#unsynced.push(keys.size);
    return written;
  }

  crashAfter(batches: number): void {
    this.crash(this.#unsynced.slice(0, batches).reduce((sum, writes) => sum + writes, 0));
    this.#unsynced = [];
  }
}

/** What a disk keeps of what was not synced. */
export interface Kept {
  readonly log?: 'lost' | 'torn' | 'kept';
  readonly storeBatches?: number;
  readonly files?: FileFate;
}

/** One machine: its disk, and the log of the mesh on it. */
export class Machine {
  readonly clock = new ManualClock();
  readonly random: Random = { bytes: (count) => new Uint8Array(count), fraction: () => 0.5 };
  readonly logger = recordLogger();
  readonly health = new HealthBook(recordLogger());
  readonly faults = new Switches();
  readonly log: LogStore & MemoryLog = new MemoryLog({ faults: this.faults });
  readonly store: KeyValueStore & BatchStore = new BatchStore({ faults: this.faults });
  readonly files = new MemoryFiles({ faults: this.faults });
  readonly counted: string[] = [];
  /** Why heads were refused, in order. */
  readonly refusals: string[] = [];
  readonly metrics: Metrics = {
    count: (name, labels) => {
      this.counted.push(`${name} ${labels?.['code'] ?? ''}`);
      if (name === 'cooee_slurp_heads_refused_total') this.refusals.push(labels?.['reason'] ?? '');
    },
    gauge: () => undefined,
    read: () => 0,
  };
  readonly #snapshotEveryEntries: number | undefined;
  meshLog: MeshLog;

  constructor(snapshotEveryEntries?: number) {
    this.#snapshotEveryEntries = snapshotEveryEntries;
    this.meshLog = this.#newMeshLog();
  }

  /** Opens the stores; with a log that begins with genesis unless told otherwise. */
  static async open(
    options: { readonly empty?: boolean; readonly snapshotEveryEntries?: number } = {},
  ): Promise<Machine> {
    const machine = new Machine(options.snapshotEveryEntries);
    await machine.log.open();
    await machine.store.open();
    await machine.files.open();
    if (options.empty !== true) {
      await machine.log.append([GENESIS], { term: 1, vote: founder.peer, commit: 1 });
    }
    await machine.meshLog.open();
    return machine;
  }

  /** Ends the program without a word, and starts it again on what its disk kept. */
  async restart(kept: Kept = {}) {
    this.log.crash(kept.log ?? 'lost');
    this.store.crashAfter(kept.storeBatches ?? 0);
    this.files.crash(() => kept.files ?? 'kept');
    await this.log.open();
    await this.store.open();
    await this.files.open();
    await mendInstall({ log: this.log, store: this.store, crypto });
    this.meshLog = this.#newMeshLog();
    await this.meshLog.open();
  }

  /** Appends and commits, as a leader of one voter would. */
  async take(batches: readonly Uint8Array[]): Promise<void> {
    const records = recordsOf(batches, this.meshLog.tailIndex + 1);
    await this.meshLog.append(records, this.meshLog.tailIndex + records.length);
    await this.meshLog.commitTo(this.meshLog.tailIndex);
  }

  /** All records of the log. */
  async records(): Promise<readonly LogRecord[]> {
    return await this.log.read(1, 100_000, Number.MAX_SAFE_INTEGER);
  }

  /** Runs a task to its end, letting time pass for it. */
  async run<T>(task: Promise<T>, limitMs = 60_000): Promise<T> {
    let isDone = false;
    const watched = task.finally(() => {
      isDone = true;
    });
    watched.catch(() => undefined);
    for (let ms = 0; !isDone && ms < limitMs; ms += 20) await this.clock.advance(20);
    if (!isDone) throw new Error(`not done after ${limitMs} ms`);
    return await watched;
  }

  #newMeshLog(): MeshLog {
    const { log, store, clock, random, health, metrics, logger } = this;
    const init = { meshId: MESH, snapshotEveryEntries: this.#snapshotEveryEntries };
    return new MeshLog({ log, store, crypto, clock, random, health, metrics, logger }, init);
  }
}

const TABLES = ['mesh', 'member', 'invite', 'origin', 'agent', 'number', 'hash'] as const;

/** Everything in a state, in an order of its own: equal for equal states. */
export function dump(state: MeshLog['state']): unknown {
  return TABLES.map((table) => [
    table,
    [...state.entries(table)].sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
}

/** The code that a promise is rejected with; `ok` when it is not. */
export async function codeOf(task: Promise<unknown>): Promise<string> {
  try {
    await task;
    return 'ok';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** The batch in a record. */
export const decodedBatch = ({ bytes }: LogRecord): Uint8Array => decodeEntry(bytes).batch;
