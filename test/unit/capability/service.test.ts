import { afterEach, describe, expect, it } from 'vitest';
import {
  encodeAnnouncement,
  encodeTableAnswer,
  encodeTableRequest,
  tableProtocol,
} from '../../../protocols/capability/codec.ts';
import type { Signer } from '../../../protocols/interface/index.ts';
import { admin, alice, bob, MESH } from '../enrolment/fixtures.ts';
import { Net, type Node } from './small-mesh.ts';

// Goal: what one node announces all others show, whoever comes late, falls silent or restarts.
// Method: nodes with real gossip envelopes on a network and a clock of the test, all over one
// replicated state.

let net: Net;
async function makeNet(signers: readonly Signer[] = [alice, bob]): Promise<Node[]> {
  net = new Net();
  const nodes = [];
  for (const signer of signers) nodes.push(await net.add(signer));
  return nodes;
}

afterEach(async () => {
  for (const node of net.nodes.splice(0)) await node.stop();
});

describe('announcing', () => {
  it('shows newly granted agents as idle everywhere within a second', async () => {
    const [a, b] = await makeNet();
    net.grant(alice, ['llama', 'mistral'], 1);
    expect(b!.statuses()).toEqual({ llama: 'offline', mistral: 'offline' });
    await net.clock.advance(1_000);
    for (const node of [a!, b!]) {
      expect(node.statuses()).toEqual({ llama: 'idle', mistral: 'idle' });
      expect(node.types().filter((type) => type === 'agent:announce')).toHaveLength(2);
    }
  });

  it('tells a change to all within a second; what is not given stays', async () => {
    const [a, b] = await makeNet();
    const [token] = net.grant(alice, ['llama'], 1);
    await net.clock.advance(1_000);
    const view = await a!.service.announce(token!, { capabilities: ['rust'], load: 700 });
    expect(view).toMatchObject({ token, status: 'idle', capabilities: ['rust'], load: 700 });
    await a!.service.announce(token!, { status: 'busy', tasks: 1 });
    await net.clock.advance(1_000);
    expect(b!.agent('llama')).toMatchObject({
      ...{ status: 'busy', capabilities: ['rust'], load: 700, maxTasks: 1, tasks: 1 },
      lastSeen: expect.stringMatching(/^1970-01-01T00:00:0\d/),
    });
    expect(b!.service.find({ capability: 'RUST' }).agents).toHaveLength(1);
    expect(b!.service.pageJson({ capability: 'rust' })).toContain('"status":"busy"');
  });

  it('gathers a burst of changes into few messages', async () => {
    const [a, b] = await makeNet();
    const models = Array.from({ length: 50 }, (_, n) => `m${n}`);
    const tokens = net.grant(alice, models, 1);
    await net.clock.advance(1_000);
    a!.sent.length = 0;
    await Promise.all(tokens.map((token) => a!.service.announce(token, { load: 500 })));
    await net.clock.advance(1_000);
    expect(a!.sent.length).toBeLessThanOrEqual(3);
    const loads = b!.service.find({ limit: 1_000 }).agents.map(({ load }) => load);
    expect(loads).toEqual(models.map(() => 500));
  });

  it('of one agent that cannot be encoded is refused, and holds up those of no other', async () => {
    const [a, b] = await makeNet();
    const [token, other] = net.grant(alice, ['llama', 'mistral'], 1);
    await net.clock.advance(1_000);
    for (const broken of ['half \ud800', '\ufeffmarked']) {
      await expect(a!.service.announce(token!, { capabilities: [broken] })).rejects.toMatchObject({
        code: 'ERR_CAPABILITY_ANNOUNCEMENT',
      });
    }
    await a!.service.announce(other!, { load: 700 });
    await net.clock.advance(1_000);
    expect(b!.agent('mistral')).toMatchObject({ load: 700 });
    expect(b!.agent('llama')).toMatchObject({ capabilities: [] });
  });

  it('is for agents of this node alone', async () => {
    const [a, b] = await makeNet();
    const [token] = net.grant(alice, ['llama'], 1);
    const refused = (code: string) => expect.objectContaining({ code });
    await expect(b!.service.announce(token!, {})).rejects.toEqual(
      refused('ERR_CAPABILITY_NOT_OWNER'),
    );
    await expect(a!.service.announce('7ZZSF', {})).rejects.toEqual(refused('ERR_API_NOT_FOUND'));
    await expect(a!.service.announce(token!, { load: -1 })).rejects.toEqual(
      refused('ERR_CAPABILITY_ANNOUNCEMENT'),
    );
    net.apply(net.world.retire(token!, alice.peer));
    await expect(a!.service.announce(token!, {})).rejects.toEqual(refused('ERR_API_NOT_FOUND'));
  });

  it('takes retired agents off the list and keeps them to be looked up', async () => {
    const [, b] = await makeNet();
    const [token] = net.grant(alice, ['llama', 'mistral'], 1);
    await net.clock.advance(1_000);
    net.apply(net.world.retire(token!, alice.peer));
    await net.clock.advance(1_000);
    expect(b!.statuses()).toEqual({ mistral: 'idle' });
    expect(b!.service.get(token!)).toMatchObject({ status: 'retired' });
  });

  it('does not count for agents of another node', async () => {
    const [a, b] = await makeNet();
    const [token] = net.grant(bob, ['llama'], 1);
    await net.clock.advance(1_000);
    const liar = { token: token!, model: 'llama', capabilities: ['lies'], status: 'busy' as const };
    const body = { ...liar, load: 0, maxTasks: 1, tasks: 0 };
    a!.gossip.publish('capability', encodeAnnouncement(9, [body])[0]!);
    await net.clock.advance(1_000);
    expect(b!.agent('llama')).toMatchObject({ status: 'idle', capabilities: [] });
    expect(a!.agent('llama')).toMatchObject({ status: 'idle', capabilities: [] });
  });

  it('is refused when malformed, and counted', async () => {
    const [a, b] = await makeNet();
    const { data } = { data: a!.gossip.sign('capability', new Uint8Array([0xa0])).original };
    expect(b!.deliver(a!.self, `/cooee/${MESH}/capability/1`, data)).toBe('reject');
    const labels = { code: 'ERR_WIRE_MALFORMED' };
    expect(b!.metrics.read('cooee_capability_messages_refused_total', labels)).toBe(1);
  });
});

describe('leases', () => {
  it('keeps agents while beats come, and shows them unreachable when none does', async () => {
    const [, b] = await makeNet();
    net.grant(alice, ['llama'], 1);
    await net.clock.advance(10 * 60_000);
    expect(b!.statuses()).toEqual({ llama: 'idle' });
    net.isLossy = true;
    await net.clock.advance(100_000);
    expect(b!.statuses()).toEqual({ llama: 'unreachable' });
    const data = { peer: alice.peer };
    expect(b!.events.at(-1)).toMatchObject({ type: 'agent:unreachable', data });
    net.isLossy = false;
    await net.clock.advance(31_000);
    expect(b!.statuses()).toEqual({ llama: 'idle' });
    expect(b!.events.at(-1)).toMatchObject({ type: 'agent:back', data });
  });

  it('believes the connection: a killed node is unreachable at once, then back', async () => {
    const [a, b] = await makeNet();
    net.grant(alice, ['llama'], 1);
    await net.clock.advance(1_000);
    await net.remove(a!);
    expect(b!.statuses()).toEqual({ llama: 'unreachable' });
    expect(b!.types().at(-1)).toBe('agent:unreachable');
    await net.clock.advance(120_000);
    await net.add(alice, { boot: 2, store: a!.store });
    await net.clock.advance(1_000);
    expect(b!.statuses()).toEqual({ llama: 'idle' });
    expect(b!.types()).toContain('agent:back');
  });

  it('forgets the announcement after seven days, not the agent', async () => {
    const [a, b] = await makeNet();
    net.grant(alice, ['llama'], 1);
    await net.clock.advance(1_000);
    await net.remove(a!);
    expect(b!.agent('llama')?.lastSeen).not.toBeNull();
    // A beat of seven days in steps would take long: the clock jumps.
    const jump = 7 * 86_400_000;
    net.clock.nowMs = () => jump + 100_000;
    await net.clock.advance(6_000);
    // It may have been set wrong: the lease is by another clock.
    expect(b!.agent('llama')?.lastSeen).not.toBeNull();
    await net.clock.advance(100_000);
    expect(b!.agent('llama')).toMatchObject({ status: 'offline', lastSeen: null });
  });

  it('forgets a removed member at once', async () => {
    const [, b] = await makeNet();
    net.grant(alice, ['llama'], 1);
    await net.clock.advance(1_000);
    net.world.remove(alice.peer);
    b!.told({ type: 'member:remove', data: { peer: alice.peer } });
    expect(b!.statuses()).toEqual({ llama: 'offline' });
  });
});

describe('a newcomer', () => {
  it('is complete within a second, without a word of gossip', async () => {
    const [a] = await makeNet();
    const [token] = net.grant(alice, ['llama'], 1);
    net.grant(bob, ['mistral'], 1);
    await a!.service.announce(token!, { capabilities: ['rust'], status: 'busy' });
    await net.clock.advance(5_000);
    net.isLossy = true;
    const late = await net.add(admin);
    await net.clock.advance(1_000);
    expect(late.statuses()).toEqual({ llama: 'busy', mistral: 'idle' });
    expect(late.agent('llama')?.capabilities).toEqual(['rust']);
  });

  it('gets signed originals of nodes that are away, and shows them as stale', async () => {
    const [a, b] = await makeNet();
    net.grant(alice, ['llama'], 1);
    await net.clock.advance(1_000);
    await net.remove(a!);
    await net.clock.advance(200_000);
    const late = await net.add(admin);
    await net.clock.advance(1_000);
    expect(late.statuses()).toEqual({ llama: 'unreachable' });
    expect(late.agent('llama')?.lastSeen).toBe(b!.agent('llama')?.lastSeen);
  });

  it('asks again when its log does not know the members yet', async () => {
    await makeNet();
    net.grant(alice, ['llama'], 1);
    await net.clock.advance(1_000);
    net.isLossy = true;
    net.world.remove(alice.peer);
    const late = await net.add(admin);
    await net.clock.advance(1_000);
    expect(late.statuses()).toEqual({ llama: 'offline' });
    net.world.write((state) => {
      const member = state.get('member', alice.peer)!;
      state.put('member', alice.peer, { ...member, removedIndex: null });
    });
    await net.clock.advance(3_000);
    expect(late.statuses()).toEqual({ llama: 'idle' });
  });

  it('stops asking once it has what it needs', async () => {
    await makeNet();
    net.grant(alice, ['llama'], 1);
    await net.clock.advance(10_000);
    const before = net.asked;
    await net.clock.advance(300_000);
    expect(net.asked).toBe(before);
  });

  it('gets a table larger than one frame page by page', async () => {
    const [a, b] = await makeNet();
    const models = Array.from({ length: 256 }, (_, n) => `m${n}`);
    const tokens = net.grant(alice, models, 1);
    const capabilities = Array.from({ length: 64 }, (_, n) => `${n}`.padStart(64, 'c'));
    for (const token of tokens) await a!.service.announce(token, { capabilities });
    await net.clock.advance(10_000);
    const query = { capability: capabilities[3]!, limit: 1_000 };
    expect(b!.service.find(query).agents).toHaveLength(256);
    net.isLossy = true;
    const late = await net.add(admin);
    await net.clock.advance(1_000);
    const found = late.service.find(query);
    expect(found.agents.every(({ status }) => status === 'idle')).toBe(true);
    expect(found.agents).toHaveLength(256);
  });
});

describe('losses and restarts', () => {
  it('fetches from its origin what a beat names and is missing', async () => {
    const [a, b] = await makeNet();
    const [token] = net.grant(alice, ['llama'], 1);
    await net.clock.advance(1_000);
    net.isLossy = true;
    await a!.service.announce(token!, { capabilities: ['rust'] });
    await net.clock.advance(1_000);
    expect(b!.agent('llama')?.capabilities).toEqual([]);
    net.isLossy = false;
    await net.clock.advance(31_000);
    expect(b!.agent('llama')?.capabilities).toEqual(['rust']);
  });

  it('announces the same again after a restart', async () => {
    const [a, b] = await makeNet();
    const [token] = net.grant(alice, ['llama'], 1);
    await a!.service.announce(token!, { capabilities: ['rust'], status: 'draining', maxTasks: 7 });
    await net.clock.advance(1_000);
    await net.remove(a!);
    const again = await net.add(alice, { boot: 2, store: a!.store });
    await net.clock.advance(1_000);
    for (const node of [again, b!]) {
      expect(node.agent('llama')).toMatchObject({
        ...{ status: 'draining', capabilities: ['rust'], maxTasks: 7 },
      });
    }
  });

  it('remembers over a restart what others announced, as stale', async () => {
    const [a, b] = await makeNet();
    const [token] = net.grant(alice, ['llama'], 1);
    await a!.service.announce(token!, { capabilities: ['rust'] });
    await net.clock.advance(11_000);
    await net.remove(a!);
    await net.remove(b!);
    await net.clock.advance(200_000);
    const again = await net.add(bob, { boot: 2, store: b!.store });
    expect(again.agent('llama')).toMatchObject({ status: 'unreachable', capabilities: ['rust'] });
  });

  it.each([
    ['capability', ['rust'], 0],
    ['help', [], 1],
  ] as const)('takes out of a table what was signed for the topic %s: %j', async (...row) => {
    const [topic, capabilities, refused] = row;
    const [a] = await makeNet([alice]);
    const [token = ''] = net.grant(alice, ['llama'], 1);
    const agent = {
      token,
      model: 'llama',
      status: 'idle' as const,
      load: 0,
      maxTasks: 1,
      tasks: 0,
    };
    const [body = new Uint8Array()] = encodeAnnouncement(9, [{ ...agent, capabilities: ['rust'] }]);
    const { original } = a!.gossip.sign(topic, body);
    const answer = encodeTableAnswer({ originals: [original], next: null });
    a!.handlers.set(tableProtocol(MESH), async () => answer);
    net.isLossy = true;
    const late = await net.add(bob);
    await net.clock.advance(100);
    expect(late.agent('llama')?.capabilities).toEqual(capabilities);
    const counter = 'cooee_capability_messages_refused_total';
    const count = late.metrics.read(counter, { code: 'ERR_WIRE_MALFORMED' });
    expect(Math.min(count, 1)).toBe(refused);
  });

  it('answers its table to a budget', async () => {
    const [a] = await makeNet();
    const handler = a!.handlers.get(tableProtocol(MESH))!;
    const body = encodeTableRequest({ known: [], only: [], after: null });
    const signal = new AbortController().signal;
    const answers = await Promise.allSettled(
      Array.from({ length: 40 }, () => handler('somebody', body, signal)),
    );
    const refused = answers.filter((answer) => answer.status === 'rejected');
    expect(refused).toHaveLength(20);
    expect(refused[0]!.reason).toMatchObject({ code: 'ERR_WIRE_RATE' });
    await expect(handler('another', new Uint8Array([1]), signal)).rejects.toMatchObject({
      code: 'ERR_WIRE_MALFORMED',
    });
  });

  it('holds no timer after it was stopped', async () => {
    const [a, b] = await makeNet();
    net.grant(alice, ['llama'], 1);
    await net.clock.advance(1_000);
    await net.remove(a!);
    a!.sent.length = 0;
    a!.told({ type: 'agent:grant', data: { token: '4001Y' } });
    a!.changed(b!.self);
    await net.clock.advance(600_000);
    expect(a!.sent).toEqual([]);
    expect(a!.handlers.size).toBe(0);
  });
});
