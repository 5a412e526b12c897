import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/errors.ts';
import { submittedKey } from '../../../../protocols/interface/index.ts';
import { MeshLog } from '../../../../protocols/slurp/index.ts';
import { COLD_MARK } from '../../../../protocols/slurp/machine/stored.ts';
import {
  drInput,
  encodeContent,
  submissionId,
  versionAt,
} from '../../../../protocols/submission/index.ts';
import { encodeCanonical } from '../../../../protocols/wire/index.ts';
import { encodeFormat } from '../../../../storage/disk/store-format.ts';
import { LevelStore } from '../../../../storage/level-store.ts';
import {
  batchOf,
  type Change,
  crypto,
  dump,
  founder,
  issue,
  Machine,
  MESH,
  settle,
} from '../mesh-world.ts';

// Goal: what is handed in does not stay in memory, is there as soon as anything that came with it
// is, and survives what the rest of the state survives.

const ADDRESS = 'ucxl://any:architect@shop:checkout/#/decisions/1';

const dr = (n: number): Uint8Array =>
  new Uint8Array(encodeContent(drInput.parse({ kind: 'dr', address: ADDRESS, title: `No ${n}` })));
const idOf = (n: number): string => submissionId(crypto.sha256, { peer: founder.peer }, dr(n));
const commit = (n: number): Change => ({ kind: 'submission.commit', body: { content: dr(n) } });
const batch = (seq: number, ...numbers: number[]) => batchOf(founder, { seq }, numbers.map(commit));
const diskFull = new CooeeError('ERR_STORAGE_DISK_FULL');

/** Keys of the state as they stand in the store. */
async function keys(machine: Machine): Promise<string[]> {
  const found: string[] = [];
  for await (const [key] of machine.store.entries('state')) found.push(key);
  return found;
}

describe('cold tables', () => {
  it('are read by key, in the order and the versions of the log', async () => {
    const machine = await Machine.open();
    await machine.take([batch(2, 1, 2), batch(3, 3)]);
    const { state } = machine.meshLog;
    expect(state.get('submission', idOf(2))).toMatchObject({ index: 2, version: 2 });
    expect(state.get('content', idOf(3))).toEqual(dr(3));
    expect(state.get('submitted', submittedKey(3))).toBe(idOf(3));
    expect(versionAt(state, ADDRESS, 1)).toBe(idOf(1));
    expect(state.get('submission', 'none')).toBeUndefined();
  });

  it('are the same after a restart, and go on from there', async () => {
    const machine = await Machine.open();
    await machine.take([batch(2, 1)]);
    await machine.restart({ storeBatches: 100 });
    await machine.take([batch(3, 1, 2)]);
    const { state } = machine.meshLog;
    expect(state.get('submission', idOf(1))).toMatchObject({ index: 2, version: 1 });
    expect(state.get('submission', idOf(2))).toMatchObject({ index: 3, version: 2 });
    expect(state.get('cursor', 'submissions')).toBe(2);
  });

  it('come out of the log again when the store lost them', async () => {
    const machine = await Machine.open();
    await machine.take([batch(2, 1), batch(3, 2)]);
    await machine.restart({ log: 'kept', storeBatches: 1 });
    const { state } = machine.meshLog;
    expect(state.get('addressed', ADDRESS)).toEqual({ versions: 2, id: idOf(2) });
    expect(state.get('content', idOf(2))).toEqual(dr(2));
  });

  it('that are left of a state to be built anew are not taken for the new one', async () => {
    const machine = await Machine.open();
    await machine.take([batch(2, 1), batch(3, 2)]);
    await machine.store.batch([{ namespace: 'meta', key: 'applied' }], { sync: true });
    await machine.restart({ log: 'kept' });
    const { state } = machine.meshLog;
    expect(state.get('cursor', 'submissions')).toBe(2);
    expect(state.get('submission', idOf(2))).toMatchObject({ index: 3, version: 2 });
  });

  it('stand where loading the state does not come by', async () => {
    const machine = await Machine.open();
    await machine.take([batch(2, 1)]);
    const cold = (await keys(machine)).filter((key) => key.includes(COLD_MARK));
    // Four of the submission, and the first version of the member that made the mesh.
    expect(cold).toHaveLength(6);
    const loaded: string[] = [];
    const { entries } = machine.store;
    machine.store.entries = async function* (...args) {
      for await (const entry of entries.apply(machine.store, args)) {
        if (args[0] === 'state') loaded.push(entry[0]);
        yield entry;
      }
    };
    await machine.restart({ storeBatches: 100 });
    expect(loaded.length).toBeGreaterThan(0);
    expect(loaded.filter((key) => key.includes(COLD_MARK))).toEqual([]);
    expect(machine.meshLog.state.get('submission', idOf(1))).toBeDefined();
  });

  it('do not stop the log when the store had failed before', async () => {
    const machine = await Machine.open();
    await machine.take([batch(2, 1)]);
    machine.faults.fail('store:write', diskFull);
    const lost = machine.store.batch([{ namespace: 'outbox', key: 'k' }], { sync: true });
    await expect(lost).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
    expect(() => machine.meshLog.state.get('submission', idOf(1))).not.toThrow();
    expect(() => machine.meshLog.state.get('submission', 'none')).toThrow('failed');
    const taken = machine.take([batch(3, 2)]);
    await settle();
    machine.faults.mend();
    await machine.run(taken);
    expect(machine.meshLog.halted).toBeUndefined();
    expect(machine.meshLog.state.get('submission', idOf(2))).toMatchObject({ version: 2 });
  });

  it('show what waits to be written, and have it still when that fails once', async () => {
    const machine = await Machine.open();
    machine.faults.fail('store:write', diskFull);
    await machine.take([batch(2, 1)]);
    expect(machine.meshLog.state.get('cursor', 'submissions')).toBe(1);
    const next = machine.take([batch(3, 2)]);
    await settle();
    // Behind a run that cannot be written nothing is applied.
    expect(machine.meshLog.state.get('cursor', 'submissions')).toBe(1);
    machine.faults.mend();
    await machine.run(next);
    expect(machine.meshLog.state.get('submission', idOf(1))).toBeDefined();
    expect(machine.meshLog.state.get('submission', idOf(2))).toBeDefined();
    await machine.restart({ storeBatches: 1_000 });
    expect(machine.meshLog.state.get('cursor', 'submissions')).toBe(2);
  });

  it('take malformed contents as refused, on every node alike', async () => {
    const machine = await Machine.open();
    const bad = { kind: 'submission.commit', body: { content: new Uint8Array([0xa0]) } };
    const outcomes: unknown[] = [];
    machine.meshLog.onApplied(({ decisions }) => {
      outcomes.push(...decisions.map(({ outcome }) => (outcome.ok ? 'ok' : outcome.code)));
    });
    await machine.take([batchOf(founder, { seq: 2 }, [bad, commit(1)])]);
    expect(outcomes).toEqual(['ERR_SLURP_COMMAND', 'ok']);
    expect(machine.meshLog.state.get('cursor', 'submissions')).toBe(1);
  });

  it('keep memory small: of a thousand contents none stays', async () => {
    const machine = await Machine.open();
    for (let seq = 2; seq < 22; seq++) {
      await machine.take([batch(seq, ...Array.from({ length: 50 }, (_, i) => seq * 50 + i))]);
    }
    let reads = 0;
    const { getSync } = machine.store;
    machine.store.getSync = (...args) => {
      reads++;
      return getSync.apply(machine.store, args);
    };
    for (let n = 100; n < 1_100; n++) {
      expect(machine.meshLog.state.get('content', idOf(n))).toEqual(dr(n));
    }
    expect(reads).toBe(1_000);
  });
});

const root = await mkdtemp(join(tmpdir(), 'cooee-older-'));
afterAll(() => rm(root, { recursive: true, force: true }));

it('builds the state of a store of format 1 anew from the log, and keeps the rest', async () => {
  const machine = await Machine.open();
  await machine.take([2, 3, 4].map((seq) => batchOf(founder, { seq }, [issue(20 + seq)])));
  const directory = join(root, 'store');
  const options = { keyEncoding: 'utf8', valueEncoding: 'view' };
  const raw = new ClassicLevel<string, Uint8Array>(directory, options);
  await raw.put('meta!format', encodeFormat(1));
  await raw.put('meta!applied', encodeCanonical({ size: 4, peaks: [new Uint8Array(32)] }));
  await raw.put('state!mesh/mesh', encodeCanonical({ name: 'an old value' }));
  await raw.put('state!member/somebody', encodeCanonical({}));
  await raw.put('outbox!0000000000000001', new Uint8Array([1]));
  await raw.close();
  const store = new LevelStore({}, { directory });
  await store.open();
  const { log } = machine;
  const meshLog = new MeshLog({ ...machine, log, store, crypto }, { meshId: MESH });
  await meshLog.open();
  expect(meshLog.appliedIndex).toBe(4);
  expect(dump(meshLog.state)).toEqual(dump(machine.meshLog.state));
  expect(await store.get('outbox', '0000000000000001')).toEqual(new Uint8Array([1]));
  const keys: string[] = [];
  for await (const [key] of store.entries('state')) keys.push(key);
  expect(keys.length).toBeGreaterThan(4);
  for (const key of keys) expect(key).toMatch(/^~?[0-3][0-9a-f]{2}\/[a-z]+\//u);
  await store.close();
  // The next start goes on from there.
  await store.open();
  const later = new MeshLog({ ...machine, log, store, crypto }, { meshId: MESH });
  await later.open();
  expect(later.appliedIndex).toBe(4);
  await store.close();
});
