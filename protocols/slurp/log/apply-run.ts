import {
  CooeeError,
  type Crypto,
  type LogRecord,
  type StateReader,
  type StoreWrite,
  type VoterSetRecord,
  voterSetKey,
} from '../../interface/index.ts';
import { appendLeaf, leafHash, type MerkleFrontier, merkleRoot } from '../../wire/index.ts';
import { isSameVoters } from '../heads/head-rules.ts';
import { type AppliedEntry, applyEntry } from '../machine/apply.ts';
import { takeEntry } from '../machine/decoded.ts';
import { StateOverlay } from '../machine/state.ts';
import { pendingLink } from '../machine/stored.ts';

/** Where a run begins. */
export interface RunStart {
  readonly state: StateReader;
  readonly frontier: MerkleFrontier;
}

/** What does not change from run to run. */
export interface RunInit {
  readonly crypto: Crypto;
  readonly meshId: string;
  /** Entries from one mark to the next. */
  readonly snapshotEveryEntries: number;
  /** The highest level of a mesh that this program supports. */
  readonly levelMax: number;
}

/** What a run of entries comes to; nothing of it is in the store or the state yet. */
export interface Run {
  readonly overlay: StateOverlay;
  readonly applied: readonly AppliedEntry[];
  /** Merkle frontiers right after each of them. */
  readonly frontiers: readonly MerkleFrontier[];
  /**
   * It ends at a mark or a change of voters: state and store must be of that index for a moment.
   */
  readonly isExact: boolean;
  /** Why it ended before an entry that cannot be applied. */
  readonly stop?: { readonly error: unknown };
}

/**
 * Applies records one after the other. Ends at a mark and at an entry that changes the voters, so
 * that state, store and root are exactly those of that index for a moment.
 */
export function applyRecords(start: RunStart, records: readonly LogRecord[], init: RunInit): Run {
  const { crypto, meshId, snapshotEveryEntries, levelMax } = init;
  const overlay = new StateOverlay(start.state);
  const applied: AppliedEntry[] = [];
  const frontiers: MerkleFrontier[] = [];
  const voterSets = start.state.size('voterset');
  let { frontier } = start;
  let isExact = false;
  try {
    for (const { bytes } of records) {
      assertLevel(overlay, levelMax);
      applied.push(applyEntry(overlay, takeEntry(bytes), { crypto, meshId }));
      frontier = appendLeaf(crypto.sha256, frontier, leafHash(crypto.sha256, bytes));
      frontiers.push(frontier);
      isExact =
        frontier.size % snapshotEveryEntries === 0 || overlay.size('voterset') !== voterSets;
      if (isExact) break;
    }
  } catch (error) {
    return { overlay, applied, frontiers, isExact, stop: { error } };
  }
  return { overlay, applied, frontiers, isExact };
}

/** What a later level means by an entry is not known here, even when its kinds are. */
function assertLevel(state: StateReader, levelMax: number): void {
  const mesh = state.get('mesh', 'mesh');
  if (mesh === undefined || !('level' in mesh) || mesh.level <= levelMax) return;
  throw new CooeeError('ERR_SLURP_LEVEL', 'the mesh speaks a later version', {
    details: { level: mesh.level, levelMax },
  });
}

/**
 * What a link of the trust chain will need of this moment: the root of the log right after a change
 * of voters, which nobody can tell later.
 */
export function pendingLinks(crypto: Crypto, { overlay, frontiers, isExact }: Run): StoreWrite[] {
  const writes: StoreWrite[] = [];
  if (!isExact) return writes;
  for (const { table, key, value } of overlay.changes()) {
    if (table !== 'voterset' || value === undefined) continue;
    const { index, voters } = value as VoterSetRecord;
    const before = overlay.get('voterset', voterSetKey(Number(key) - 1));
    const frontier = frontiers.find(({ size }) => size === index);
    // Nobody hands over to the first voters, nor when only learners came or went.
    if (frontier === undefined || before === undefined) continue;
    if (isSameVoters(before.voters, voters)) continue;
    const root = merkleRoot(crypto.sha256, frontier);
    const link = pendingLink.encode({ n: Number(key), index, root });
    writes.push({ namespace: 'head', key: pendingLink.key(Number(key)), value: link });
  }
  return writes;
}
