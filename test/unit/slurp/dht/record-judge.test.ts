import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AgentRecord } from '../../../../protocols/interface/index.ts';
import { LIMITS } from '../../../../protocols/interface/index.ts';
import {
  type AgentDhtRecord,
  agentDhtRecord,
  hashKey,
  headDhtRecord,
  headKey,
  tokenKey,
} from '../../../../protocols/slurp/index.ts';
import { encodeCanonical } from '../../../../protocols/wire/index.ts';
import { headBy, linksOf, logWith, rotation, some } from '../heads/voters.ts';
import { batchOf, codeOf, founder, MESH, rootOf, second } from '../mesh-world.ts';
import { grantOf, Node, retireOf } from './dht-world.ts';

/** Wrote everything, and has it all. */
let owner: Node;
let granted: AgentDhtRecord;
let retired: AgentDhtRecord;
let other: AgentRecord;

beforeAll(async () => {
  owner = await Node.open();
  const grantIndex = await owner.write([grantOf(['alpha', 'beta'], 1)]);
  const record = owner.agent('alpha');
  other = owner.agent('beta');
  await owner.fill(5);
  const retireIndex = await owner.write([retireOf(record.token)]);
  await owner.fill(3);
  granted = await recordOf(record, grantIndex, 6);
  retired = await recordOf(owner.agent('alpha'), retireIndex, retireIndex + 2);
});

async function recordOf(record: AgentRecord, index: number, size: number): Promise<AgentDhtRecord> {
  const [entry, head] = [await owner.entry(index), await owner.headAt(size)];
  return { record, index, entry, path: await owner.path(index, size), head };
}

/** A node that has nothing but genesis, as one whose replica is emptied. */
const emptied = async (): Promise<Node> => await Node.open();

const keyOf = ({ record }: AgentDhtRecord) => tokenKey(MESH, record.token);
const reasonOf = async (node: Node, key: Uint8Array, value: Uint8Array): Promise<string> => {
  const before = node.metrics.text();
  try {
    await node.judge.judge(key, value);
    expect(node.metrics.text()).toBe(before);
    return 'ok';
  } catch (error) {
    const { code, details } = error as { code: string; details: { reason?: string } };
    expect(node.metrics.text()).not.toBe(before);
    return code === 'ERR_SLURP_RECORD' ? String(details.reason) : code;
  }
};
const bytesOf = (value: AgentDhtRecord, change: Partial<AgentDhtRecord> = {}): Uint8Array =>
  agentDhtRecord.encode({ ...value, ...change });

describe('a record of an agent', () => {
  it('is believed by a node that has nothing but an anchor', async () => {
    const node = await emptied();
    expect(await reasonOf(node, keyOf(granted), bytesOf(granted))).toBe('ok');
    expect(await reasonOf(node, hashKey(MESH, granted.record.tinyHash), bytesOf(granted))).toBe(
      'ok',
    );
    const judged = await node.judge.judge(keyOf(retired), bytesOf(retired));
    expect(judged).toMatchObject({ kind: 'agent', record: retired.record, index: retired.index });
  });

  it('survives its codec, whatever is in it', () => {
    expect(agentDhtRecord.decode(bytesOf(granted))).toEqual({ v: 1, ...granted });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => agentDhtRecord.decode(bytes)).toThrow(/./);
      }),
    );
  });

  it('of another agent than the key names is refused as foreign', async () => {
    const node = await emptied();
    const { token, tinyHash } = other;
    expect(await reasonOf(node, tokenKey(MESH, token), bytesOf(granted))).toBe('foreign');
    expect(await reasonOf(node, hashKey(MESH, tinyHash), bytesOf(granted))).toBe('foreign');
    const { record } = granted;
    const bent: Partial<AgentRecord>[] = [
      { model: 'gamma' },
      { token },
      { hash: other.hash, tinyHash },
      { number: record.number + 1 },
      { gpuSlot: 1, gpuId: '1' },
    ];
    for (const change of bent) {
      const value = bytesOf(granted, { record: { ...record, ...change } });
      expect(await reasonOf(node, keyOf(granted), value), JSON.stringify(change)).toBe('foreign');
    }
  });

  it('whose entry is not where it says is refused for its path', async () => {
    const node = await emptied();
    const [first, ...more] = granted.path;
    const rows: Partial<AgentDhtRecord>[] = [
      { index: granted.index + 1 },
      { path: more },
      { path: [new Uint8Array(32), ...more] },
      { path: [...granted.path, first as Uint8Array] },
      { entry: retired.entry, index: retired.index },
    ];
    for (const change of rows) {
      expect(await reasonOf(node, keyOf(granted), bytesOf(granted, change))).toBe('path');
    }
  });

  it('whose entry says something else is refused for its change', async () => {
    const node = await emptied();
    const index = 4;
    const [entry, path] = [await owner.entry(index), await owner.path(index, 6)];
    const renamed = bytesOf(granted, { index, entry, path });
    expect(await reasonOf(node, keyOf(granted), renamed)).toBe('change');
    const rows: Partial<AgentRecord>[] = [{ retiredIndex: granted.index }, { peer: second.peer }];
    for (const change of rows) {
      const value = bytesOf(granted, { record: { ...granted.record, ...change } });
      expect(await reasonOf(node, keyOf(granted), value)).toBe('change');
    }
    const early = bytesOf(retired, { record: { ...retired.record, retiredIndex: null } });
    expect(await reasonOf(node, keyOf(retired), early)).toBe('change');
  });

  it('whose claim or batch somebody else signed is refused for its change', async () => {
    const forger = { peer: founder.peer, sign: second.sign };
    const rows = [
      [founder, grantOf(['alpha', 'beta'], 1, forger)],
      [forger, grantOf(['alpha', 'beta'], 1)],
      [founder, grantOf(['alpha', 'beta'], 1)],
    ] as const;
    const reasons: string[] = [];
    for (const [origin, grant] of rows) {
      const forged = await Node.open();
      await forged.machine.take([batchOf(origin, { seq: 2 }, [grant])]);
      const [entry, path, head] = [
        await forged.entry(2),
        await forged.path(2, 2),
        await forged.headAt(2),
      ];
      const value = bytesOf(granted, { entry, path, head, index: 2 });
      reasons.push(await reasonOf(await emptied(), keyOf(granted), value));
    }
    expect(reasons).toEqual(['change', 'change', 'ok']);
  });

  it('under a head that is not signed by the voters is refused', async () => {
    const node = await emptied();
    const head = await owner.headAt(6, some(2));
    const value = bytesOf(granted, { head });
    expect(await reasonOf(node, keyOf(granted), value)).toBe('ERR_SLURP_HEAD');
    expect(node.refused('head')).toBe(1);
  });

  it('older than what was seen is refused as stale, and the same again is not', async () => {
    const node = await emptied();
    expect(await reasonOf(node, keyOf(granted), bytesOf(granted))).toBe('ok');
    expect(await reasonOf(node, keyOf(granted), bytesOf(granted))).toBe('ok');
    const later = await recordOf(granted.record, granted.index, 9);
    expect(await reasonOf(node, keyOf(granted), bytesOf(later))).toBe('ok');
    expect(await reasonOf(node, keyOf(granted), bytesOf(granted))).toBe('stale');
    expect(await reasonOf(node, keyOf(granted), bytesOf(retired))).toBe('ok');
    expect(await reasonOf(node, keyOf(granted), bytesOf(later))).toBe('stale');
    expect(node.refused('stale')).toBe(2);
  });

  it('with an older proof of the same change may be read, of an earlier one not', async () => {
    const node = await emptied();
    const later = await recordOf(granted.record, granted.index, 9);
    const read = (value: Parameters<typeof bytesOf>[0]) =>
      codeOf(node.judge.judge(keyOf(granted), bytesOf(value), { isRead: true }));
    expect(await reasonOf(node, keyOf(granted), bytesOf(later))).toBe('ok');
    expect(await read(granted)).toBe('ok');
    // What is kept is still no older than what was seen.
    expect(await reasonOf(node, keyOf(granted), bytesOf(granted))).toBe('stale');
    expect(await reasonOf(node, keyOf(granted), bytesOf(retired))).toBe('ok');
    expect(await read(later)).toBe('ERR_SLURP_RECORD');
  });

  it('that is not what this node applied is refused, however well it is proved', async () => {
    expect(await reasonOf(owner, keyOf(granted), bytesOf(granted))).toBe('state');
    expect(await reasonOf(owner, keyOf(retired), bytesOf(retired))).toBe('ok');
  });

  it('that is too large, of a later version, or no record at all is refused', async () => {
    const node = await emptied();
    const { path } = granted;
    const large = new Uint8Array(LIMITS.dhtRecordBytesMax + 1);
    expect(await reasonOf(node, keyOf(granted), large)).toBe('ERR_WIRE_TOO_LARGE');
    const later = encodeCanonical({ v: 2, ...granted, path });
    expect(await reasonOf(node, keyOf(granted), later)).toBe('ERR_WIRE_VERSION');
    expect(await reasonOf(node, keyOf(granted), Uint8Array.of(1))).toBe('ERR_WIRE_MALFORMED');
    const counted = ['too-large', 'version', 'malformed'].map((it) => node.refused(it));
    expect(counted).toEqual([1, 1, 1]);
    expect(() => bytesOf(granted, { head: large })).toThrow(/too-large/);
  });

  it('under a key that is none of ours is refused and counted', async () => {
    const node = await emptied();
    const key = new TextEncoder().encode(`/cooee/passport/${MESH}/x`);
    expect(await reasonOf(node, key, bytesOf(granted))).toBe('namespace');
    expect(await reasonOf(node, tokenKey('other', granted.record.token), bytesOf(granted))).toBe(
      'mesh',
    );
    expect(node.refused('namespace')).toBe(1);
  });

  it('is chosen by its change, then by its head', async () => {
    const later = await recordOf(granted.record, granted.index, 9);
    const values = [granted, later, retired, granted].map((value) => bytesOf(value));
    expect(owner.judge.select(keyOf(granted), values)).toBe(2);
    expect(owner.judge.select(keyOf(granted), values.slice(0, 2))).toBe(1);
    expect(owner.judge.select(keyOf(granted), [values[1] as Uint8Array])).toBe(0);
  });
});

describe('a record of the head', () => {
  it('is believed and adopted, and an older one refused once a newer one was seen', async () => {
    const node = await emptied();
    const [old, young] = [await owner.headAt(4), await owner.headAt(9)];
    const recordOfHead = (head: Uint8Array) => headDhtRecord.encode({ head, links: [] });
    expect(await reasonOf(node, headKey(MESH), recordOfHead(young))).toBe('ok');
    expect(node.trust.newest()?.signed.head.index).toBe(9);
    expect(await reasonOf(node, headKey(MESH), recordOfHead(old))).toBe('stale');
    expect(owner.judge.select(headKey(MESH), [recordOfHead(old), recordOfHead(young)])).toBe(1);
  });

  it('by somebody else is refused', async () => {
    const node = await emptied();
    const head = await owner.headAt(9, some(2, 3));
    const value = headDhtRecord.encode({ head, links: [] });
    expect(await reasonOf(node, headKey(MESH), value)).toBe('ERR_SLURP_HEAD');
  });

  it('brings the links to voters that the node has not heard of', async () => {
    const node = await emptied();
    const changes = rotation(3);
    const records = logWith(changes, 20);
    const by = [...changes.values()].at(-1) ?? [];
    const head = headBy(by, { index: 20, root: rootOf(records), by });
    const bare = headDhtRecord.encode({ head, links: [] });
    expect(await reasonOf(node, headKey(MESH), bare)).toBe('ERR_SLURP_HEAD');
    const value = headDhtRecord.encode({ head, links: linksOf(records, changes) });
    expect(await reasonOf(node, headKey(MESH), value)).toBe('ok');
    expect(node.trust.voters()).toEqual(by.map(({ peer }) => peer));
  });
});
