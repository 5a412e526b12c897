import { CID } from 'multiformats/cid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dhtOf, dhtRecordsOf } from '../../../../daemon/libp2p/dht-records.ts';
import { type AgentRecord, LIMITS, silentLogger } from '../../../../protocols/interface/index.ts';
import {
  agentDhtRecord,
  type Dht,
  headDhtRecord,
  headKey,
  RecordResolver,
  tokenKey,
} from '../../../../protocols/slurp/index.ts';
import {
  admit,
  connect,
  startMember,
  stopAll,
  type TestNode,
} from '../../membership/door/mesh-nodes.ts';
import { grantOf, Node, retireOf } from '../../slurp/dht/dht-world.ts';
import { headBy, linksOf, logWith, rotation } from '../../slurp/heads/voters.ts';
import { MESH, rootOf } from '../../slurp/mesh-world.ts';

// Goal: what the rules of records are worth with kad-dht under them. Method: five nodes of libp2p
// in one process; one of them has the log, the others have its anchor, which is a replica emptied.
// A test that needs nodes which nobody else has used starts its own.

interface Member {
  readonly net: TestNode;
  readonly world: Node;
  readonly dht: Dht;
  readonly resolver: RecordResolver;
}

const signal = () => AbortSignal.timeout(30_000);

async function member(): Promise<Member> {
  const world = await Node.open();
  const net = await startMember({ dhtRecords: dhtRecordsOf(world.judge) });
  const dht = dhtOf(net.net.node.services.dht, net.peer, silentLogger);
  const { meshLog } = world.machine;
  const parts = { ...world, meshLog, logger: silentLogger, dht };
  const { trust, judge, metrics } = world;
  return { net, world, dht, resolver: new RecordResolver({ ...parts, trust, judge, metrics }) };
}

async function until(what: string, check: () => boolean): Promise<void> {
  const endMs = performance.now() + 30_000;
  while (!check()) {
    if (performance.now() > endMs) throw new Error(`never: ${what}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

/** The first has the others in its routing table. */
async function meshOf(count: number): Promise<readonly [Member, ...Member[]]> {
  const owner = await member();
  const others: Member[] = [];
  while (others.length < count - 1) others.push(await member());
  admit(...[owner, ...others].map(({ net }) => net));
  for (const { net } of others) await connect(net, owner.net);
  await until('all are in the routing table', () => owner.net.tableSize() === others.length);
  return [owner, ...others];
}

/** Puts bytes that go round the checks of the one who puts them, as a hostile member's do. */
const putBy = async ({ dht }: Member, key: Uint8Array, value: Uint8Array): Promise<number> =>
  await dht.put(key, value, signal());

describe('records in the DHT', () => {
  let owner: Member;
  let others: readonly Member[];
  let granted: Uint8Array;
  let retired: Uint8Array;
  let large: { record: AgentRecord; value: Uint8Array };
  let alpha: AgentRecord;

  const valueOfAgent = async (record: AgentRecord, index: number): Promise<Uint8Array> => {
    const { world } = owner;
    const size = world.machine.meshLog.appliedIndex;
    const [entry, path] = [await world.entry(index), await world.path(index, size)];
    return agentDhtRecord.encode({ record, index, entry, path, head: await world.sign() });
  };
  const refusals = (reason: string): number =>
    others.reduce((sum, { world }) => sum + world.refused(reason), 0);
  const put = (key: Uint8Array, value: Uint8Array) => putBy(owner, key, value);

  beforeAll(async () => {
    [owner, ...others] = await meshOf(5);
    const { world } = owner;
    const models = Array.from({ length: 200 }, (_, i) => `${'m'.repeat(120)}-${i}`);
    const many = await world.write([grantOf(models, 1)]);
    const grantIndex = await world.write([grantOf(['alpha'], 2)]);
    alpha = world.agent('alpha');
    granted = await valueOfAgent(alpha, grantIndex);
    const retireIndex = await world.write([retireOf(alpha.token)]);
    retired = await valueOfAgent(world.agent('alpha'), retireIndex);
    const record = world.agent(models[7] as string);
    large = { record, value: await valueOfAgent(record, many) };
  }, 60_000);
  afterAll(() => stopAll());

  it('of a lonely node stay with it, and it does not wait for anybody', async () => {
    const lonely = await member();
    const startMs = performance.now();
    expect(await putBy(lonely, tokenKey(MESH, large.record.token), large.value)).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  it('come to the closest members, and verify where nothing but an anchor is', async () => {
    const key = tokenKey(MESH, large.record.token);
    expect(large.value.length).toBeGreaterThan(32 * 1024);
    expect(await put(key, large.value)).toBe(4);
    const { token } = large.record;
    const late = others[3] as Member;
    expect(await late.resolver.find({ kind: 'token', token })).toEqual(large.record);
  });

  it('are refused and counted when foreign, malformed, too large or unknown', async () => {
    const { token } = large.record;
    const utf8 = new TextEncoder();
    const rows: [string, Uint8Array, Uint8Array][] = [
      ['foreign', tokenKey(MESH, token), retired],
      ['malformed', tokenKey(MESH, token), Uint8Array.of(1, 2, 3)],
      ['too-large', tokenKey(MESH, token), new Uint8Array(LIMITS.dhtRecordBytesMax + 1)],
      ['namespace', utf8.encode(`/cooee/rooms/${MESH}/x`), retired],
      ['mesh', tokenKey('bafyother', token), large.value],
    ];
    expect(await put(tokenKey(MESH, token), large.value)).toBe(4);
    for (const [reason, key, value] of rows) {
      expect(await put(key, value), reason).toBe(0);
      expect(refusals(reason), reason).toBe(4);
    }
    // kad-dht itself knows no such namespace.
    expect(await put(utf8.encode(`/ipns/${MESH}`), retired)).toBe(0);
    const found = await others[0]?.resolver.find({ kind: 'token', token });
    expect(found).toEqual(large.record);
  });

  it('are not put over newer ones', async () => {
    const key = tokenKey(MESH, alpha.token);
    expect(await put(key, granted)).toBe(4);
    expect(await put(key, retired)).toBe(4);
    expect(await put(key, granted)).toBe(0);
    expect(refusals('stale')).toBe(4);
    const { token } = alpha;
    for (const { resolver } of others.slice(0, 2)) {
      expect(await resolver.find({ kind: 'token', token })).toMatchObject({
        retiredIndex: expect.any(Number),
      });
    }
  });

  it('under voters that a node has not heard of are believed by way of the head', async () => {
    const [first, ...more] = await meshOf(5);
    const changes = rotation(3);
    const records = logWith(changes, 20);
    const by = [...changes.values()].at(-1) ?? [];
    const head = headBy(by, { index: 20, root: rootOf(records), by });
    const value = headDhtRecord.encode({ head, links: linksOf(records, changes) });
    const voters = by.map(({ peer }) => peer);
    expect(await putBy(first, headKey(MESH), value)).toBe(4);
    for (const { world } of more) {
      expect(world.trust.voters()).toEqual(voters);
      expect(world.trust.newest()?.signed.head.index).toBe(20);
    }
    expect(more[0]?.resolver.isBehind).toBe(true);
  });

  it('tell who has the state of a snapshot', async () => {
    const cid = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
    expect(await owner.dht.provide(cid, signal())).toBe(4);
    // The next snapshot takes its place.
    const next = 'bafyreidykglsfhoixmivffc5uwhcgshx4j465xwqntbmu43nb2dzqwfvae';
    expect(await owner.dht.provide(next, signal())).toBe(4);
    const { dht } = (others[1] as Member).net.net.node.services;
    const providers: string[] = [];
    for await (const event of dht.findProviders(CID.parse(next), { signal: signal() })) {
      if (event.name !== 'PROVIDER' && event.name !== 'PEER_RESPONSE') continue;
      providers.push(...event.providers.map(({ id }) => id.toString()));
      if (providers.length > 0) break;
    }
    expect(providers).toContain(owner.net.peer);
  });
});
