import { rm } from 'node:fs/promises';
import { sep } from 'node:path';
import {
  type Clock,
  type CooeeError,
  type Health,
  isCooeeError,
  type Logger,
  type Signer,
  type StateReader,
  type StoreWrite,
  toError,
} from '../../../protocols/interface/index.ts';
import { meshOf } from '../../../protocols/membership/index.ts';
import { peekState, RECOVERY_KEYS } from '../../../protocols/slurp/index.ts';
import { LevelStore } from '../../../storage/level-store.ts';
import type { MeshFile, MeshFolder } from '../mesh-folder.ts';
import { waitingIn } from './carry-over.ts';
import { companyIn, VOUCHED_MAX } from './company.ts';

/** With fewer voters nobody can take the seat of one that forgot what it promised. */
const VOTERS_MIN = 3;

/** What {@link startOver} works with. */
export interface StartOverComponents {
  readonly signer: Pick<Signer, 'peer'>;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
}

/** What was met when a mesh was brought up. */
export interface BrokenMesh {
  readonly folder: MeshFolder;
  readonly file: MeshFile;
  readonly error: unknown;
}

/**
 * After damage in log or state: sets both aside, so that this node begins anew from its anchor and
 * gets everything from other members; what waits in its outbox it keeps, as far as that can be
 * read. A voter loses its vote by that: with its log it forgot what it promised, so it follows
 * without a seat until the others have made it a learner (`Introductions.open`). Not when no other
 * member is known, nor when too few others vote to do that: then its log holds what nobody else may
 * have.
 *
 * @returns what is to be brought up now
 * @throws the error, when it is no damage or there is nobody to be healed by
 */
export async function startOver(
  components: StartOverComponents,
  { folder, file, error }: BrokenMesh,
): Promise<MeshFile> {
  const { clock, health, logger } = components;
  const self = components.signer.peer;
  if (!isDamage(error) || !isOf(folder, error)) throw error;
  const isSuperseded = error.code === 'ERR_SLURP_SUPERSEDED';
  const { state, waiting } = await readOld(components, folder);
  const seen = state === undefined ? undefined : companyIn(state, self);
  const voters = seen?.voters ?? file.voters ?? file.anchor.voters;
  const vouched = [...(seen?.vouched ?? []), ...file.vouched].slice(0, VOUCHED_MAX);
  const isVoter = voters.includes(self);
  const isNeeded = isVoter && voters.length < VOTERS_MIN && !isSuperseded;
  if (isNeeded || vouched.length === 0) throw error;
  const label = new Date(clock.nowMs()).toISOString().replaceAll(/[:.]/g, '-');
  const again = { ...file, voters: [...voters], vouched };
  await makeStore(folder.freshStorePath, waiting);
  const path = await folder.replaceStores(label, again);
  const why = isSuperseded ? 'superseded by a recovery' : 'damaged';
  logger.error({ err: error, path, isVoter }, `log and state are ${why}: both are taken anew`);
  health.raise({
    code: 'started-over',
    severity: 'warn',
    ...(isSuperseded
      ? {
          text: 'The operator recovered the mesh from a log that lacks entries of this node.',
          remedy:
            'Whoever misses what was committed here hands it in again; ' +
            `${path} holds what was here, which no command reads, and may be deleted.`,
        }
      : {
          text: `Log or state were damaged (${error.message}); both are taken from other members.`,
          remedy: `Check the disk; ${path} holds what was there and may be deleted.`,
        }),
  });
  return again;
}

function isDamage(thrown: unknown): thrown is CooeeError {
  const codes = ['ERR_STORAGE_DAMAGED', 'ERR_WIRE_MALFORMED', 'ERR_SLURP_SUPERSEDED'] as const;
  return codes.some((code) => isCooeeError(thrown, code));
}

/** Another file of the home, such as `boot`, is no better for it that log and state go. */
function isOf(folder: MeshFolder, { details }: CooeeError): boolean {
  const { file } = details;
  return typeof file !== 'string' || file.startsWith(`${folder.path}${sep}`);
}

/** What can be read of the store; no state when it says nothing of a mesh. */
async function readOld(
  components: StartOverComponents,
  folder: MeshFolder,
): Promise<{ readonly state?: StateReader; readonly waiting: readonly StoreWrite[] }> {
  const { logger } = components;
  const store = new LevelStore({}, { directory: folder.storePath, isSalvage: true });
  let waiting: readonly StoreWrite[] = [];
  try {
    await store.open();
    waiting = [...(await epochIn(store)), ...(await waitingIn(store, logger))];
    const state = await peekState({ ...components, store });
    return meshOf(state) === undefined ? { waiting } : { state, waiting };
  } catch (error) {
    logger.warn({ err: toError(error) }, 'the state cannot be read');
    return { waiting };
  } finally {
    await store.close();
  }
}

/** Which recovery was followed: without it an older epoch would be taken for the mesh. */
async function epochIn(store: LevelStore): Promise<StoreWrite[]> {
  const writes: StoreWrite[] = [];
  for (const key of RECOVERY_KEYS) {
    const value = await store.get('head', key);
    if (value !== undefined) writes.push({ namespace: 'head', key, value });
  }
  return writes;
}

/** Makes a store with that in it and nothing else. @throws CooeeError ERR_STORAGE_* */
async function makeStore(directory: string, writes: readonly StoreWrite[]): Promise<void> {
  // Of an earlier try that failed.
  await rm(directory, { recursive: true, force: true });
  const store = new LevelStore({}, { directory });
  try {
    await store.open();
    // One by one: together they may be more than a write may hold.
    for (const write of writes) await store.batch([write], { sync: true });
  } finally {
    await store.close();
  }
}
