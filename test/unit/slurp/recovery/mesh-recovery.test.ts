import { describe, expect, it } from 'vitest';
import type { CooeeError, Random, SeedKey } from '../../../../protocols/interface/index.ts';
import { encodeEntry, genesisOf, MeshRecovery } from '../../../../protocols/slurp/index.ts';
import {
  FIRST_EPOCH,
  type MemberReport,
} from '../../../../protocols/slurp/recovery/recovery-rules.ts';
import { cidOf } from '../../../../protocols/wire/index.ts';
import { systemError } from '../../../../storage/faults.ts';
import { batchesWith, headBy, names, openBook, some } from '../heads/voters.ts';
import {
  batchOf,
  codeOf,
  crypto,
  decodedBatch,
  founder,
  GENESIS,
  Machine,
  MESH,
  operator,
  rename,
  START_MS,
} from '../mesh-world.ts';
import { forger, recoveryAt } from './recovery-world.ts';

const three = some(1, 2, 3);
const [, , left] = three as [never, never, (typeof three)[number]];
const [a, b] = three.map(({ peer }) => peer) as [string, string];
const changes = new Map([
  [3, some(1, 2)],
  [5, three],
]);
const batches = batchesWith(changes, 20);
const ROOT = new Uint8Array(32).fill(3);
const STATE_CID = `bafyrei${'a'.repeat(52)}`;

/** What is left of three voters, with so many entries that are not proved. */
async function setUp(
  options: {
    readonly tail?: number;
    readonly forged?: boolean;
    readonly unproved?: readonly string[];
    readonly how?: { readonly hadSeat: boolean; readonly isLed: boolean };
  } = {},
) {
  const machine = await Machine.open();
  await machine.take(batches.slice(0, 9));
  const { meshLog, store } = machine;
  await store.batch([{ namespace: 'head', key: 'genesis', value: decodedBatch(GENESIS) }]);
  for (let i = 0; i < (options.tail ?? 0); i++) {
    const index = meshLog.tailIndex + 1;
    const mesh = options.forged === true ? `bafyrei${'b'.repeat(52)}` : MESH;
    const batch = batchOf(founder, { seq: index, mesh }, [rename(`tail ${index}`)]);
    const entry = { index, term: 3, timeMs: START_MS + index, batch };
    await meshLog.append([{ index, term: 3, bytes: encodeEntry(entry) }], meshLog.commitIndex);
  }
  const trust = await openBook(machine);
  const reports = new Map<string, Partial<MemberReport>>();
  const own: Omit<MemberReport, 'peer'> = {
    ...{ epoch: FIRST_EPOCH, canVote: true, isLed: false, headIndex: 10, knownIndex: 10, term: 4 },
    tail: { index: meshLog.tailIndex, term: 3 },
  };
  const genesisOfOthers = new Map<string, Uint8Array>();
  let told = 0;
  const fatal: CooeeError[] = [];
  let drawn = 0;
  const random: Random = { bytes: (n) => new Uint8Array(n).fill(++drawn), fraction: () => 0 };
  const recovery = new MeshRecovery({
    ...{ meshLog, trust, store, crypto, signer: left },
    ...{ clock: machine.clock, logger: machine.logger, random },
    consensus: { refound: (task) => task(options.how ?? { hadSeat: true, isLed: false }) },
    unproved: () => options.unproved ?? [],
    exchange: {
      ask: async (peer) => {
        const told = genesisOfOthers.get(peer);
        if (told !== undefined) await trust.epochs.keepGenesis(told);
        const report = { ...own, epoch: trust.epochs.current, ...reports.get(peer) };
        return { links: [], report };
      },
      tellAll: () => void told++,
    },
    report: () => ({ ...own, epoch: trust.epochs.current }),
    dial: async () => undefined,
    connected: () => [...reports.keys()],
    onFatal: (error) => fatal.push(error),
  });
  return { machine, recovery, reports, genesisOfOthers, trust, fatal, told: () => told };
}

const recover = (recovery: MeshRecovery, key: SeedKey = operator, lost = [a, b]) =>
  recovery.recover(key, { lost });

describe('MeshRecovery', () => {
  it('goes on behind all that this node holds, with itself as the only voter', async () => {
    const { machine, recovery, trust, told } = await setUp({ tail: 2 });
    const done = await recover(recovery);
    expect(done).toMatchObject({ epoch: 1, index: 12, term: 5, voters: [left.peer] });
    const { meshLog } = machine;
    expect([meshLog.appliedIndex, meshLog.appliedTerm, meshLog.term]).toEqual([13, 5, 5]);
    expect(meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'tail 12' });
    expect(trust.epochs.current).toEqual({ epoch: 1, id: done.id });
    expect(trust.voters()).toEqual([left.peer]);
    expect(told()).toBe(1);
    // A start in between finds it in the log.
    await machine.restart({ log: 'kept' });
    expect((await openBook(machine)).epochs.current).toEqual({ epoch: 1, id: done.id });
  });

  it('forgets what it knew of the lost log, whether or not it ended before it could', async () => {
    const { machine, recovery, trust } = await setUp();
    // It heard of the next voters, and of a head of theirs, and had none of the entries.
    const four = some(1, 2, 3, 4);
    await trust.learn([headBy(three, { index: 30, root: ROOT, by: four })]);
    await trust.accept(headBy(four, { index: 31, root: ROOT, by: four, stateCid: STATE_CID }));
    expect([trust.chainIndex, trust.newest()?.signed.head.index]).toEqual([30, 31]);
    const { id } = await recover(recovery, operator, names(four));
    expect([trust.chainIndex, trust.newest(), trust.mark()]).toEqual([11, undefined, undefined]);
    const again = await openBook(machine);
    expect([again.voters(), again.mark(), again.epochs.current.id]).toEqual([
      ...[[left.peer], undefined, id],
    ]);
    expect(await again.links(0, 9)).toHaveLength(1);
  });

  it('opens a store again that failed while the disk was full', async () => {
    const { machine, recovery } = await setUp();
    machine.faults.fail('store:write', new Error('ENOSPC'));
    const failing = machine.store.batch([{ namespace: 'meta', key: 'any' }]);
    await expect(failing).rejects.toThrow();
    expect(machine.store.status).toBe('failed');
    machine.faults.mend();
    expect(await recover(recovery)).toMatchObject({ epoch: 1, index: 10 });
  });

  it('signs another statement for each try, whatever the clock says', async () => {
    const { machine, recovery } = await setUp({ tail: 1 });
    const signed: Uint8Array[] = [];
    const sign = (data: Uint8Array): Uint8Array => {
      signed.push(data);
      return operator.sign(data);
    };
    machine.faults.fail('log:write', systemError('ENOSPC'));
    const failing = recover(recovery, { ...operator, sign });
    expect(await codeOf(failing)).toBe('ERR_STORAGE_DISK_FULL');
    machine.faults.mend();
    expect(await recover(recovery, { ...operator, sign })).toMatchObject({ epoch: 1, index: 11 });
    expect(signed).toHaveLength(2);
    expect(signed[0]).not.toEqual(signed[1]);
  });

  it('ends the process when its write fails at the sync, and lets nobody go on', async () => {
    const { machine, recovery, trust, fatal, told } = await setUp();
    const { meshLog, faults } = machine;
    faults.fail('log:sync', systemError('EIO'));
    expect(await codeOf(recover(recovery))).toBe('ERR_STORAGE_IO');
    expect(fatal.map(({ details }) => details['fatal'])).toEqual([true]);
    faults.mend();
    // What is read by now need not be on the disk, and cutting it off would leave the commit.
    expect(await codeOf(meshLog.reopenLog())).toBe('ERR_STORAGE_IO');
    expect(await codeOf(recover(recovery))).toBe('ERR_STORAGE_IO');
    expect([meshLog.tailIndex, trust.epochs.current.epoch, told()]).toEqual([10, 0, 0]);
    await machine.restart({ log: 'kept' });
    expect((await openBook(machine)).epochs.current.epoch).toBe(1);
  });

  it('goes by what its disk holds when its write failed otherwise', async () => {
    for (const point of ['log:write', 'log:synced']) {
      const how = { hadSeat: false, isLed: false };
      const { machine, recovery, trust, fatal } = await setUp({ how });
      const { meshLog, faults } = machine;
      faults.fail(point, systemError('EIO'));
      const isThere = point === 'log:synced';
      expect(await codeOf(recover(recovery))).toBe(isThere ? 'ok' : 'ERR_STORAGE_IO');
      faults.mend();
      // As who follows by pull does.
      await meshLog.dropUncommitted();
      expect([meshLog.isLogFailed, fatal]).toEqual([false, []]);
      expect([meshLog.appliedIndex, trust.epochs.current.epoch]).toEqual(
        isThere ? [11, 1] : [10, 0],
      );
      await machine.restart();
      expect(machine.meshLog.appliedIndex).toBe(isThere ? 11 : 10);
    }
  });

  it('is not stopped by a member that makes numbers up', async () => {
    const { recovery, reports } = await setUp();
    const term = Number.MAX_SAFE_INTEGER;
    reports.set('replica', { canVote: false, term, epoch: { epoch: term, id: 'x' } });
    expect(await recover(recovery)).toMatchObject({ epoch: 1, term: 5 });
  });

  it('takes no genesis that is not this mesh’s', async () => {
    const { machine, recovery, reports, genesisOfOthers, trust } = await setUp();
    const genesis = (await genesisOf(machine.store)) as Uint8Array;
    await machine.store.batch([{ namespace: 'head', key: 'genesis' }]);
    reports.set('forger', { canVote: false });
    genesisOfOthers.set('forger', new Uint8Array(4_000));
    reports.set('replica', { canVote: false });
    genesisOfOthers.set('replica', genesis);
    await recover(recovery);
    const { bytes = new Uint8Array() } = trust.epochs.newest ?? {};
    expect(Buffer.from(bytes).includes(Buffer.from(genesis))).toBe(true);
  });

  it('stops when enough voters came back while it asked around', async () => {
    const { machine, recovery, trust } = await setUp({ how: { hadSeat: true, isLed: true } });
    const refused = { code: 'ERR_SLURP_RECOVERY', details: { reason: 'moved' } };
    await expect(recover(recovery)).rejects.toMatchObject(refused);
    expect([machine.meshLog.tailIndex, trust.epochs.current.epoch]).toEqual([10, 0]);
  });

  it('stands still when it hears of another one of the epoch while it is under way', async () => {
    const { machine, recovery, trust } = await setUp();
    const { meshLog, health } = machine;
    const rival = recoveryAt({ index: 9, voters: some(1) });
    const persist = meshLog.persist.bind(meshLog);
    let heard = Promise.resolve();
    meshLog.persist = async (records, hardState) => {
      heard = trust.recover(rival);
      // It has all the time that it needs to be taken in.
      for (let turn = 0; turn < 50; turn++) await new Promise((done) => setImmediate(done));
      await persist(records, hardState);
    };
    const { id } = await recover(recovery);
    await heard;
    expect([trust.epochs.current.id, trust.epochs.rival?.bytes]).toEqual([id, rival]);
    expect([trust.epochs.newest?.id, trust.voters()]).toEqual([id, [left.peer]]);
    expect(health.list().map(({ code }) => code)).toEqual(['epoch-conflict']);
  });

  it('is refused when another one was heard of before it began', async () => {
    const { machine, recovery, trust, told } = await setUp();
    const { epochs } = trust;
    const doing = recover(recovery);
    const heard = trust.recover(recoveryAt({ index: 9, voters: some(1) }));
    expect(await codeOf(doing)).toBe('ERR_SLURP_RECOVERY');
    await heard;
    expect([machine.meshLog.tailIndex, epochs.current.epoch, epochs.rival]).toEqual([
      10,
      1,
      undefined,
    ]);
    expect(told()).toBe(0);
  });

  it('goes past a change that lost voters did not sign for, from the leader', async () => {
    const how = { hadSeat: true, isLed: true };
    const { recovery, reports, trust } = await setUp({ unproved: [a, b], how });
    reports.set(b, { isLed: true });
    expect(await codeOf(recover(recovery, operator, []))).toBe('ERR_SLURP_RECOVERY');
    expect(await recover(recovery, operator, [a])).toMatchObject({ epoch: 1, index: 10 });
    expect(trust.voters()).toEqual([left.peer]);
  });

  it('says where the epoch begins, without what was pulled and not proved', async () => {
    const { machine, recovery } = await setUp({ tail: 2, how: { hadSeat: false, isLed: false } });
    expect(await recover(recovery)).toMatchObject({ index: 10 });
    expect(machine.meshLog.tailIndex).toBe(11);
  });

  it('carries the genesis, for those who have no state', async () => {
    const { machine } = await setUp();
    const genesis = await genesisOf(machine.store);
    expect(cidOf(crypto.sha256, genesis ?? new Uint8Array())).toBe(MESH);
  });

  it.each([
    ['somebody else’s key', forger, [a, b], {}, 'ERR_SLURP_RECOVERY'],
    ['a voter that is not named', operator, [a], {}, 'ERR_SLURP_RECOVERY'],
    ['a majority that answers', operator, [a], { [b]: {} }, 'ERR_SLURP_QUORUM'],
    [
      'a longer log elsewhere',
      operator,
      [a, b],
      { elsewhere: { canVote: false, headIndex: 11 } },
      'ERR_SLURP_RECOVERY',
    ],
  ])('refuses %s, and changes nothing', async (_name, key, lost, others, code) => {
    const { machine, recovery, reports, trust } = await setUp({ tail: 0 });
    for (const [peer, it] of Object.entries(others)) reports.set(peer, it);
    expect(await codeOf(recover(recovery, key, lost))).toBe(code);
    expect([machine.meshLog.tailIndex, trust.epochs.current.epoch]).toEqual([10, 0]);
  });

  it('commits no end of the log that is forged', async () => {
    const { machine, recovery, trust } = await setUp({ tail: 1, forged: true });
    expect(await codeOf(recover(recovery))).toBe('ERR_SLURP_SIGNATURE');
    expect([machine.meshLog.appliedIndex, trust.epochs.current.epoch]).toEqual([10, 0]);
  });

  it('says what is lost, without a change', async () => {
    const { machine, recovery, reports } = await setUp({ tail: 1 });
    reports.set('replica', { canVote: false, headIndex: 4, knownIndex: 30, term: 8 });
    const plan = await recovery.plan({ lost: [a, b] });
    expect(plan).toMatchObject({ epoch: 1, index: 11, term: 9, knownIndex: 30 });
    expect(plan.away).toEqual([a, b]);
    expect(machine.meshLog.tailIndex).toBe(11);
  });

  it('chooses its own branch of two, by name, and never the other', async () => {
    const { recovery, trust } = await setUp();
    const { id } = await recover(recovery);
    expect(await codeOf(recovery.plan({ lost: [], choose: id }))).toBe('ERR_SLURP_RECOVERY');
    await trust.recover(recoveryAt({ index: 9, voters: some(1) }));
    const rival = trust.epochs.rival?.id ?? '';
    expect(await codeOf(recovery.plan({ lost: [] }))).toBe('ERR_SLURP_RECOVERY');
    expect(await codeOf(recovery.plan({ lost: [], choose: rival }))).toBe('ERR_SLURP_RECOVERY');
    expect(trust.epochs.rival?.id).toBe(rival);
    const chosen = await recovery.recover(operator, { lost: [], choose: id });
    expect(chosen.epoch).toBe(2);
    expect(trust.epochs.rival).toBeUndefined();
  });
});
