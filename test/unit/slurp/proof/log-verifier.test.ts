import { describe, expect, it } from 'vitest';
import { CooeeError, type LogRecord } from '../../../../protocols/interface/index.ts';
import { decodeHead, LogVerifier, type VerifiedLog } from '../../../../protocols/slurp/index.ts';
import { AuditTree } from '../../../../protocols/slurp/proof/audit-tree.ts';
import { headBy, openBook } from '../heads/voters.ts';
import {
  batchOf,
  codeOf,
  crypto,
  Machine,
  MESH,
  recordsOf,
  rename,
  rootOf,
  second,
} from '../mesh-world.ts';
import { batches, headAt, links, records, votersAt } from './fixture.ts';

const LENGTH = 700;

async function verifier(change: (record: LogRecord) => LogRecord = (it) => it, firstIndex = 1) {
  const machine = await Machine.open();
  await machine.take(batches.slice(0, LENGTH - 1));
  const trust = await openBook(machine);
  await trust.learn(links);
  await trust.accept(headAt(LENGTH));
  const log = {
    firstIndex,
    read: async (from: number, countMax: number, bytesMax: number) =>
      (await machine.log.read(from, countMax, bytesMax)).map(change),
  };
  const { store, clock } = machine;
  const tree = new AuditTree({ store, sha256: crypto.sha256, read: log.read });
  const made = new LogVerifier({ meshId: MESH, log, trust, tree, crypto, clock });
  const run = async (): Promise<VerifiedLog> => {
    let verified = await made.begin();
    while (verified.head === undefined && verified.problem === undefined) {
      verified = await machine.run(made.step(verified));
    }
    return verified;
  };
  return { machine, run, made, log, trust };
}

const at = (index: number, bytes: Uint8Array) => (record: LogRecord) =>
  record.index === index ? { ...record, bytes } : record;
const forged = (): Uint8Array => {
  const batch = batchOf(second, { seq: 1 }, [rename('x')]);
  batch[batch.length - 1] = (batch.at(-1) as number) ^ 1;
  return recordsOf([batch], 400)[0]?.bytes as Uint8Array;
};
const flipped = (): Uint8Array => {
  const bytes = (records[399] as LogRecord).bytes.slice();
  bytes[bytes.length - 30] = (bytes[bytes.length - 30] as number) ^ 1;
  return bytes;
};

describe('LogVerifier', () => {
  it('finds a sound log sound', async () => {
    const { run } = await verifier();
    const verified = await run();
    expect(verified).toMatchObject({ from: 1, head: { index: LENGTH, signatureCount: 3 } });
    expect(verified.frontier.size).toBe(LENGTH);
  });

  it('begins behind what is compacted, and proves that part by its nodes', async () => {
    const { run } = await verifier((it) => it, 300);
    expect(await run()).toMatchObject({ from: 513, head: { index: LENGTH } });
  });

  it.each([
    ['between two reads', 200],
    ['before the first one', 1],
  ])('finds it sound when it is compacted meanwhile, %s', async (_when, at) => {
    const { run, log } = await verifier();
    const { read } = log;
    log.read = async (from, countMax, bytesMax) => {
      if (from >= at) log.firstIndex = 300;
      if (from < log.firstIndex) throw new CooeeError('ERR_STORAGE_COMPACTED');
      return await read(from, countMax, bytesMax);
    };
    expect(await run()).toMatchObject({ from: 513, head: { index: LENGTH } });
  });

  it('calls nothing wrong while the log cannot be read', async () => {
    const { run, log } = await verifier();
    log.read = async () => {
      throw new CooeeError('ERR_STORAGE_NOT_OPEN');
    };
    expect(await codeOf(run())).toBe('ERR_STORAGE_NOT_OPEN');
  });

  it.each([
    ['a batch that its origin did not sign', forged(), 400, 'ERR_SLURP_SIGNATURE'],
    ['a flipped bit', flipped(), 400, 'ERR_SLURP_SIGNATURE'],
    ['an entry of another place', (records[400] as LogRecord).bytes, 400, 'ERR_STORAGE_DAMAGED'],
    ['garbage', new Uint8Array(20), 400, 'ERR_WIRE_MALFORMED'],
    [
      'another entry that is signed',
      recordsOf([batches[100] as Uint8Array], 400)[0]?.bytes as Uint8Array,
      LENGTH,
      'ERR_SLURP_HEAD',
    ],
  ])('finds %s', async (_name, bytes, index, code) => {
    const { run } = await verifier(at(400, bytes));
    expect((await run()).problem).toMatchObject({ index, code });
  });

  it('finds a log that ends before its signed head', async () => {
    const { run, log } = await verifier();
    const { read } = log;
    log.read = async (from, countMax, bytesMax) =>
      from > 500 ? [] : await read(from, Math.min(countMax, 501 - from), bytesMax);
    expect((await run()).problem).toMatchObject({ index: 501, code: 'ERR_STORAGE_DAMAGED' });
  });

  it('says nothing of a log of which no head is known', async () => {
    const { made, trust } = await verifier();
    trust.highest = () => undefined;
    expect(await codeOf(made.step(await made.begin()))).toBe('ERR_SLURP_NO_LEADER');
  });

  it('goes through a long log step by step', async () => {
    const { made, machine, trust, log } = await verifier();
    const long = recordsOf(Array(5_000).fill(batches[0]), 1);
    log.read = async (from, countMax) => long.slice(from - 1, from - 1 + countMax);
    const by = votersAt(LENGTH);
    const bytes = headBy(by, { index: long.length, root: rootOf(long), by });
    const signed = decodeHead(bytes);
    trust.highest = () => ({ bytes, signed });
    trust.verify = () => signed;
    const first = await machine.run(made.step(await made.begin()));
    expect([first.frontier.size, first.head, first.problem]).toEqual([4_096, undefined, undefined]);
    const second = await machine.run(made.step(first));
    expect(second).toMatchObject({ from: 1, head: { index: 5_000 } });
  });

  it('is not taken in by a frontier that the caller made up', async () => {
    const { made, machine } = await verifier();
    const peaks = Array.from({ length: 2 }, () => new Uint8Array(32));
    const verified = await machine.run(made.step({ from: 1, frontier: { size: 640, peaks } }));
    expect(verified.problem).toMatchObject({ code: 'ERR_SLURP_HEAD' });
  });
});
