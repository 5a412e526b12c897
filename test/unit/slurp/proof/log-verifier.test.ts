import { describe, expect, it } from 'vitest';
import { CooeeError, type LogRecord } from '../../../../protocols/interface/index.ts';
import { LogVerifier, type VerifiedLog } from '../../../../protocols/slurp/index.ts';
import { AuditTree } from '../../../../protocols/slurp/proof/audit-tree.ts';
import { openBook } from '../heads/voters.ts';
import {
  batchOf,
  codeOf,
  crypto,
  Machine,
  MESH,
  recordsOf,
  rename,
  second,
} from '../mesh-world.ts';
import { batches, headAt, links, records } from './fixture.ts';

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
  return { machine, run, made, log };
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

  it('is not taken in by a frontier that the caller made up', async () => {
    const { made, machine } = await verifier();
    const peaks = Array.from({ length: 2 }, () => new Uint8Array(32));
    const verified = await machine.run(made.step({ from: 1, frontier: { size: 640, peaks } }));
    expect(verified.problem).toMatchObject({ code: 'ERR_SLURP_HEAD' });
  });
});
