import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentView } from '../../daemon/api/routes/index.ts';
import type { Daemon } from '../../daemon/daemon.ts';
import { AgentServices } from '../../daemon/services/agent-services.ts';
import { nodeCrypto } from '../../daemon/system/crypto.ts';
import { LIMITS } from '../../protocols/interface/index.ts';
import { agentDhtRecord, tokenKey } from '../../protocols/slurp/index.ts';
import { type TestHost, TestMesh, until } from './harness.ts';
import { type InnerNode, startInnerNode } from './inner-node.ts';

// Goal: the agents of a mesh can be found by a member that has nothing of the log, and no member
// can put anything there that is not so. Method: real daemons, and a member in this process whose
// replica was emptied and which no entry reaches.

const signal = () => AbortSignal.timeout(30_000);

async function enrol(host: TestHost, model: string): Promise<AgentView> {
  const { token } = await host.json<{ token: string }>('enrol', '--model', model, '--wait');
  return await host.json<AgentView>('resolve', token);
}

describe('records in the DHT', () => {
  const mesh = new TestMesh();
  let lead: TestHost;
  let alpha: TestHost;
  let late: TestHost;
  let ofLead: AgentView;
  let ofAlpha: AgentView;
  let inner: InnerNode;
  let services: AgentServices;

  const stored = async (host: TestHost): Promise<number> =>
    await host.counter('cooee_dht_puts_total', 'stored');
  const refused = async (host: TestHost, reason: string): Promise<number> =>
    await host.counter('cooee_dht_records_refused_total', `"${reason}"`);

  beforeAll(async () => {
    [lead] = (await mesh.start('lead')) as [TestHost];
    // Nobody is there to take it yet.
    ofLead = await enrol(lead, 'early');
    alpha = mesh.host('alpha');
    await alpha.up('--join', await lead.invite());
    ofAlpha = await enrol(alpha, 'llama3');
    late = mesh.host('late');
    await late.up('--join', await lead.invite());
    await late.end();
    for (const folder of ['log', 'store']) {
      rmSync(join(late.home, 'mesh', folder), { recursive: true });
    }
  });
  afterAll(async () => {
    await inner?.stop();
    await mesh.close();
  });

  it('get there from a node that was alone when they came to be', async () => {
    await until('two records of each', async () => {
      return (await stored(lead)) >= 2 && (await stored(alpha)) >= 2;
    });
    expect(await lead.counter('cooee_dht_records_refused_total')).toBe(0);
    expect(await alpha.counter('cooee_dht_records_refused_total')).toBe(0);
  });

  it('name an agent on a member whose replica is emptied, in every way', async () => {
    inner = await startInnerNode(late, { isCutOff: true });
    services = new AgentServices({ soundNode: inner.node } as unknown as Daemon, nodeCrypto);
    for (const agent of [ofAlpha, ofLead]) {
      const found = await until('it is found', () => services.resolve(agent.token));
      const { token, hash, tinyHash, model, hostname, mac, number, gpuId, peer } = agent;
      const named = { token, hash, tinyHash, model, hostname, mac, number, gpuId, peer };
      expect(found).toMatchObject({ ...named, source: 'dht', status: 'offline', lastSeen: null });
      for (const ref of [agent.hash, agent.tinyHash, `ucxl://agentid:${agent.token}`]) {
        expect(await services.resolve(ref), ref).toEqual(found);
      }
    }
    expect(inner.node.parts.meshLog.appliedIndex).toBe(0);
    expect(inner.node.parts.state.size('agent')).toBe(0);
    await expect(services.resolve('0'.repeat(64))).rejects.toMatchObject({
      code: 'ERR_API_NOT_FOUND',
    });
  });

  it('say so when the agent is retired', async () => {
    await alpha.cli('retire', ofAlpha.token);
    await until('it is told', async () => {
      const found = await services.resolve(ofAlpha.token);
      return 'status' in found && found.status === 'retired';
    });
  });

  it('are refused and counted when they are not so', async () => {
    const { meshId } = inner.node.init;
    const key = tokenKey(meshId, ofLead.token);
    const { dht } = inner.node.parts.network.node.services;
    const values: Uint8Array[] = [];
    for await (const event of dht.get(key, { signal: signal() })) {
      if (event.name === 'VALUE') values.push(event.value);
    }
    const [value] = values as [Uint8Array];
    const { record: agent, index, entry, path, head } = agentDhtRecord.decode(value);
    const record = { record: agent, index, entry, path, head };
    const bent = { ...agent, retiredIndex: index };
    const rows: [string, Uint8Array, Uint8Array][] = [
      ['foreign', tokenKey(meshId, ofAlpha.token), value],
      ['state', key, agentDhtRecord.encode({ ...record, record: bent })],
      ['too-large', key, new Uint8Array(LIMITS.dhtRecordBytesMax + 1)],
      ['malformed', key, Uint8Array.of(1)],
      ['namespace', new TextEncoder().encode(`/cooee/rooms/${meshId}/a`), value],
      ['mesh', tokenKey(`${meshId}x`, ofLead.token), value],
    ];
    for (const [reason, at, bytes] of rows) {
      for await (const _event of dht.put(at, bytes, { signal: signal() }));
      for (const host of [lead, alpha]) {
        await until(`${host.name} counts ${reason}`, async () => (await refused(host, reason)) > 0);
      }
    }
    const found = await alpha.json<AgentView>('resolve', ofLead.token);
    expect(found.status).not.toBe('retired');
  });
});
