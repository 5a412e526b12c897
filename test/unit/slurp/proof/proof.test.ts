import { beforeAll, describe, expect, it } from 'vitest';
import {
  decodeEntry,
  decodeHead,
  fromBase64,
  type Proof,
  ProofMaker,
  proofJsonSchema,
  type TrustBook,
  toBase64,
  verifyProof,
} from '../../../../protocols/slurp/index.ts';
import { leafHash } from '../../../../protocols/wire/index.ts';
import { auditPath } from '../../wire/audit-path.ts';
import { anchorAt, headBy, some } from '../heads/voters.ts';
import {
  batchOf,
  codeOf,
  crypto,
  founder,
  MESH,
  recordsOf,
  rename,
  rootOf,
  second,
} from '../mesh-world.ts';
import { changes, headAt, LENGTH, links, prover, records, viaFile, votersAt } from './fixture.ts';

let proofs: ProofMaker;
let machine: Awaited<ReturnType<typeof prover>>['machine'];
beforeAll(async () => {
  ({ proofs, machine } = await prover());
}, 120_000);

const refused = (reason: string) =>
  expect.objectContaining({
    code: 'ERR_SLURP_PROOF',
    details: expect.objectContaining({ reason }),
  });

describe('a proof', () => {
  it.each([1, 2, 3, 255, 256, 257, 512, 700, 1_024, 1_099, LENGTH])(
    'of entry %i verifies from genesis, and says that it is unanchored',
    async (index) => {
      const proved = verifyProof(crypto, viaFile(await proofs.make(index)));
      expect(proved.entry).toEqual(decodeEntry(records[index - 1]?.bytes as Uint8Array));
      expect(proved).toMatchObject({ isAnchored: false, head: { index: LENGTH, mesh: MESH } });
      expect(proved.batch.origin).toBe(founder.peer);
      expect(proved.signatureCount * 2).toBeGreaterThan(proved.voterCount);
    },
  );

  it.each([1, 150, 230, LENGTH])('verifies from an anchor at %i', async (at) => {
    const anchor = anchorAt(records, at, votersAt(at));
    const proof = viaFile(await proofs.make(77, at));
    expect(verifyProof(crypto, proof, anchor)).toMatchObject({ isAnchored: true });
    expect((proof as Proof).links.length).toBeLessThanOrEqual(links.length);
  });

  it('made for a later anchor is refused without one', async () => {
    const proof = viaFile(await proofs.make(77, 100));
    expect(() => verifyProof(crypto, proof)).toThrow(refused('genesis'));
  });

  it('is refused by who trusts another log, other voters, or a later time', async () => {
    const proof = viaFile(await proofs.make(77));
    const check = (anchor: ReturnType<typeof anchorAt>) => () => verifyProof(crypto, proof, anchor);
    const end = anchorAt(records, LENGTH, votersAt(LENGTH));
    expect(check({ ...end, root: new Uint8Array(32) })).toThrow(refused('anchor'));
    expect(check(anchorAt(records, 600, some(7, 8, 9)))).toThrow(
      expect.objectContaining({ code: 'ERR_SLURP_PROOF' }),
    );
    expect(check({ ...end, index: LENGTH + 1 })).toThrow(refused('old'));
  });

  it('does not verify with any one byte changed', async () => {
    const proof = await proofs.make(77);
    const bent = (text: string, at: number) => {
      const bytes = fromBase64(text);
      bytes[at] = (bytes[at] as number) ^ 1;
      return toBase64(bytes);
    };
    const tries: Proof[] = [];
    const spread = (length: number) =>
      Array.from({ length: 25 }, (_, i) => Math.floor((i * (length - 1)) / 24));
    for (const field of ['entry', 'head', 'genesis'] as const) {
      const text = proof[field] as string;
      for (const at of spread(fromBase64(text).length)) {
        tries.push({ ...proof, [field]: bent(text, at) });
      }
    }
    for (const field of ['path', 'links'] as const) {
      for (const [i, text] of proof[field].entries()) {
        tries.push({
          ...proof,
          [field]: proof[field].with(i, bent(text, 40 % fromBase64(text).length)),
        });
      }
      tries.push({ ...proof, [field]: proof[field].slice(1) });
    }
    tries.push({ ...proof, index: 78 }, { ...proof, mesh: `bafyrei${'b'.repeat(52)}` });
    for (const changed of tries) {
      expect(() => verifyProof(crypto, viaFile(changed))).toThrow(
        expect.objectContaining({ code: 'ERR_SLURP_PROOF' }),
      );
    }
  });

  it.each([
    ['nothing', null],
    ['a text', 'proof'],
    ['another file', { v: 1, kind: 'cooee-invite' }],
  ])('is not %s', (_name, json) => {
    expect(() => verifyProof(crypto, json)).toThrow(refused('malformed'));
  });

  /** Of a log of two entries, the second with this batch, whose head its only voter signed. */
  async function proofWith(batch: Uint8Array): Promise<Proof> {
    const log = [records[0], recordsOf([batch], 2)[0]] as typeof records;
    const leaves = log.map(({ bytes }) => leafHash(crypto.sha256, bytes));
    const path = auditPath(crypto.sha256, leaves, 1);
    const head = headBy(some(1), { index: 2, root: rootOf(log), by: some(1) });
    return {
      ...(await proofs.make(77)),
      index: 2,
      entry: toBase64(log[1]?.bytes as Uint8Array),
      path: path.map(toBase64),
      head: toBase64(head),
      links: [],
    };
  }

  it('with a batch that its origin did not sign is refused, even under a signed head', async () => {
    const forged = batchOf(second, { seq: 1 }, [rename('x')]);
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
    const proof = await proofWith(forged);
    expect(() => verifyProof(crypto, proof)).toThrow(refused('batch'));
  });

  it('with a batch of another mesh is refused, even under a signed head', async () => {
    const ours = await proofWith(batchOf(second, { seq: 1 }, [rename('x')]));
    expect(verifyProof(crypto, ours).batch.mesh).toBe(MESH);
    const mesh = `bafyrei${'b'.repeat(52)}`;
    const theirs = await proofWith(batchOf(second, { seq: 1, mesh }, [rename('x')]));
    expect(() => verifyProof(crypto, theirs)).toThrow(refused('mesh'));
  });

  it('that names another mesh than its head is refused for that', async () => {
    const proof = { ...(await proofs.make(77)), mesh: `bafyrei${'b'.repeat(52)}` };
    expect(() => verifyProof(crypto, proof)).toThrow(refused('mesh'));
  });

  it('under a head that too few or the wrong voters signed is refused', async () => {
    const proof = await proofs.make(77);
    const by = votersAt(LENGTH);
    const { root } = (await import('../../../../protocols/slurp/index.ts')).decodeHead(
      headAt(LENGTH),
    ).head;
    const of = (signers: typeof by) => ({
      ...proof,
      head: toBase64(headBy(signers, { index: LENGTH, root, by })),
    });
    expect(() => verifyProof(crypto, of(by.slice(0, 1)))).toThrow(refused('too-few'));
    expect(() => verifyProof(crypto, of([founder, second]))).toThrow(
      expect.objectContaining({ code: 'ERR_SLURP_PROOF' }),
    );
    expect(() => verifyProof(crypto, { ...proof, links: [] })).toThrow(refused('foreign'));
  });
});

describe('ProofMaker', () => {
  it('reads little of a long log', async () => {
    let rows = 0;
    const { read } = machine.log;
    machine.log.read = async (...args) => {
      const records = await read.apply(machine.log, args);
      rows += records.length;
      return records;
    };
    await proofs.make(300);
    machine.log.read = read;
    expect(rows).toBeLessThan(1 + 2 * 256);
  });

  it('makes none with more links than who verifies it takes', async () => {
    const { machine } = await prover();
    const by = some(1);
    const root = new Uint8Array(32);
    const all = Array.from({ length: 1_030 }, (_, i) => headBy(by, { index: 2 + i, root, by }));
    const head = { bytes: headAt(LENGTH), signed: decodeHead(headAt(LENGTH)) };
    const trust = {
      highest: () => head,
      links: async (after: number, count: number) =>
        all.filter((_, i) => 2 + i > after).slice(0, count),
    } as unknown as TrustBook;
    const made = new ProofMaker({ ...machine, meshLog: machine.meshLog, trust, crypto });
    await expect(made.make(5)).rejects.toMatchObject({ code: 'ERR_API_QUERY' });
    expect((await made.make(5, 7)).links).toHaveLength(1_024);
  });

  it('proves nothing that no head speaks of', async () => {
    expect(await codeOf(proofs.make(LENGTH + 1))).toBe('ERR_API_NOT_FOUND');
  });

  it('proves no entry that it has behind the last head, nor one that it has not yet', async () => {
    const { machine } = await prover(200);
    const makerAt = (index: number): ProofMaker => {
      const bytes = headAt(index);
      const head = { bytes, signed: decodeHead(bytes) };
      const trust = { highest: () => head, links: async () => [] } as unknown as TrustBook;
      return new ProofMaker({ ...machine, meshLog: machine.meshLog, trust, crypto });
    };
    const details = { index: 180, head: 150 };
    const behind = makerAt(150).make(180);
    await expect(behind).rejects.toMatchObject({ code: 'ERR_API_NOT_FOUND', details });
    // The head was heard, and the entries are still on their way.
    expect(await codeOf(makerAt(300).make(250))).toBe('ERR_API_NOT_FOUND');
  });

  it('still proves what is kept after the log was compacted, and says what is not', async () => {
    const { machine: compacted, maker } = await prover();
    const { firstIndex } = compacted.log;
    expect(firstIndex).toBe(1);
    const bigRead = compacted.meshLog.read.bind(compacted.meshLog);
    // As after a compaction up to there.
    compacted.meshLog.read = async (from, countMax, bytesMax) => {
      const { CooeeError } = await import('../../../../protocols/interface/index.ts');
      if (from < 600) throw new CooeeError('ERR_STORAGE_COMPACTED');
      return await bigRead(from, countMax, bytesMax);
    };
    const later = await maker();
    for (const index of [769, 1_000, LENGTH]) {
      const proof = viaFile(await later.make(index));
      expect(verifyProof(crypto, proof).entry.index).toBe(index);
    }
    // The rest of a tile that is partly gone cannot be proved either.
    for (const index of [1, 599, 600, 768]) {
      expect(await codeOf(later.make(index))).toBe('ERR_STORAGE_COMPACTED');
    }
  });
});

it('has the JSON Schema that is published', async () => {
  const { readFileSync } = await import('node:fs');
  const published = readFileSync('docs/schemas/proof.json', 'utf8');
  expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(proofJsonSchema())));
  expect(changes.size).toBe(12);
});
