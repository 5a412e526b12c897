import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startOver } from '../../../../../daemon/mesh/damage/start-over.ts';
import { MeshFolder } from '../../../../../daemon/mesh/mesh-folder.ts';
import { openMeshStores } from '../../../../../daemon/mesh/stores.ts';
import { systemClock } from '../../../../../daemon/system/clock.ts';
import { HealthBook } from '../../../../../daemon/system/health.ts';
import { CooeeError } from '../../../../../protocols/interface/index.ts';
import { LevelStore } from '../../../../../storage/level-store.ts';
import { BlockWorld, pullOf } from '../../../slurp/blocks/block-world.ts';
import { founder, ManualClock, MESH, second, third } from '../../../slurp/mesh-world.ts';
import { recordLogger } from '../../../storage/record-logger.ts';

// Goal: a node whose log or state is damaged begins anew with what nobody else has, or not at all.

let home: string;
let folder: MeshFolder;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cooee-over-'));
  folder = new MeshFolder(home);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const error = new CooeeError('ERR_STORAGE_DAMAGED');
const file = (voters: readonly string[], vouched = [{ peer: second.peer, address: '/ip4/1' }]) =>
  ({ mesh: MESH, anchor: { voters }, vouched }) as unknown as Parameters<
    typeof startOver
  >[1]['file'];
const over = (it: ReturnType<typeof file>, thrown: unknown = error) => {
  const clock = new ManualClock();
  const logger = recordLogger();
  const health = new HealthBook(logger);
  return startOver({ signer: founder, clock, health, logger }, { folder, file: it, error: thrown });
};

it('keeps what waits in the outbox, and sets the rest aside', async () => {
  const node = await new BlockWorld().node(1);
  const value = node.batch(1, pullOf('+1\n'));
  const key = '0000000001-000000000001';
  const old = new LevelStore({}, { directory: folder.storePath });
  await old.open();
  await old.batch([
    { namespace: 'outbox', key, value },
    { namespace: 'meta', key: 'applied', value: new Uint8Array([1]) },
  ]);
  await old.close();
  writeFileSync(folder.logPath, 'damaged');
  await over(file([founder.peer, second.peer, third.peer]));
  const fresh = new LevelStore({}, { directory: folder.storePath });
  await fresh.open();
  expect(await fresh.get('outbox', key)).toEqual(value);
  expect(await fresh.get('meta', 'applied')).toBeUndefined();
  await fresh.close();
  const [label] = readdirSync(join(folder.path, 'damaged'));
  expect(readdirSync(join(folder.path, 'damaged', label ?? '')).sort()).toEqual(['log', 'store']);
  expect(readdirSync(folder.path).sort()).toEqual(['damaged', 'mesh.json', 'store']);
});

/** A store with that key, in the middle of whose journal something is written over. */
async function makeHole(key: string, value: Uint8Array): Promise<void> {
  const store = new LevelStore({}, { directory: folder.storePath });
  const filler = {
    namespace: 'state',
    key: 'x',
    value: new Uint8Array(40_000).fill(0x40),
  } as const;
  await store.open();
  await store.batch([{ namespace: 'outbox', key, value }]);
  for (let i = 0; i < 3; i++) await store.batch([filler]);
  await store.close();
  const journal = readdirSync(folder.storePath).find((name) => name.endsWith('.log')) ?? '';
  const path = join(folder.storePath, journal);
  const content = readFileSync(path);
  writeFileSync(path, content.fill(0xff, content.length >> 1, (content.length >> 1) + 8));
}

const stores = () =>
  openMeshStores(folder, {
    logger: recordLogger(),
    clock: systemClock,
    onFatal: () => undefined,
  });

it('begins anew when the journal of the store lost records, with what waits', async () => {
  const key = '0000000001-000000000001';
  const value = (await new BlockWorld().node(1)).batch(1, pullOf('+1\n'));
  await makeHole(key, value);
  const thrown = await stores().catch((it: unknown) => it);
  expect(thrown).toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
  await over(file([founder.peer, second.peer, third.peer]), thrown);
  const { store, close } = await stores();
  expect(await store.get('outbox', key)).toEqual(value);
  expect(await store.get('state', 'x')).toBeUndefined();
  await close();
});

it('refuses such a store at each start, when nobody could heal it', async () => {
  await makeHole('1', new Uint8Array([1]));
  for (const _ of ['first', 'second', 'third']) {
    const thrown = await stores().catch((it: unknown) => it);
    expect(thrown).toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
    await expect(over(file([founder.peer]), thrown)).rejects.toBe(thrown);
  }
});

it.each(['log', 'nothing'])('is finished by the next start, with %s in place yet', async (left) => {
  const fresh = new LevelStore({}, { directory: folder.freshStorePath });
  await fresh.open();
  await fresh.batch([{ namespace: 'head', key: 'recovery', value: new Uint8Array([1]) }]);
  await fresh.close();
  const earlier = join(folder.path, 'damaged', '2026-01-01');
  const begun = join(folder.path, 'damaged', '2026-02-01');
  for (const path of [earlier, begun]) mkdirSync(join(path, 'store'), { recursive: true });
  mkdirSync(left === 'log' ? folder.logPath : join(begun, 'log'));
  const { store, close } = await stores();
  expect(await store.get('head', 'recovery')).toEqual(new Uint8Array([1]));
  await close();
  expect(readdirSync(begun).sort()).toEqual(['log', 'store']);
  expect(readdirSync(folder.path).sort()).toEqual(['damaged', 'log', 'snapshots', 'store']);
});

it('leaves all as it is when nobody could heal it, or it is no damage of it', async () => {
  mkdirSync(folder.path, { recursive: true });
  const boot = { details: { file: join(home, 'boot') } };
  const cases: [ReturnType<typeof file>, unknown][] = [
    [file([founder.peer]), error],
    [file([founder.peer, second.peer]), error],
    [file([second.peer], []), error],
    [file([second.peer]), new CooeeError('ERR_STORAGE_DISK_FULL')],
    [file([second.peer]), new CooeeError('ERR_STORAGE_DAMAGED', '', boot)],
  ];
  for (const [it, thrown] of cases) await expect(over(it, thrown)).rejects.toBe(thrown);
  expect(readdirSync(folder.path).filter((name) => name === 'damaged')).toEqual([]);
});
