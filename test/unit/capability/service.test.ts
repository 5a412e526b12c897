import { afterEach, describe, expect, it } from 'vitest';
import {
  encodeAnnouncement,
  encodeTableRequest,
  tableProtocol,
} from '../../../protocols/capability/codec.ts';
import {
  type AgentView,
  type CapabilityComponents,
  CapabilityService,
} from '../../../protocols/capability/index.ts';
import {
  CooeeError,
  type GossipVerdict,
  type Outcome,
  type RequestHandler,
  type Signer,
  type StateEvent,
  silentLogger,
} from '../../../protocols/interface/index.ts';
import { GossipService } from '../../../protocols/wire/gossip.ts';
import { MemoryStore } from '../../../storage/memory-store.ts';
import {
  admin,
  alice,
  bob,
  CountingMetrics,
  claimed,
  crypto,
  MESH,
  makeClaim,
  tuple,
  World,
} from '../enrolment/fixtures.ts';
import { ManualClock } from '../wire/manual-clock.ts';

// Goal: what one node announces all others show, whoever comes late, falls silent or restarts.
// Method: nodes with real gossip envelopes on a network and a clock of the test, all over one replicated state.

class Net {
  readonly world = new World();
  readonly clock = new ManualClock();
  readonly nodes: Node[] = [];
  /** Loses gossip while set; streams go through. */
  isLossy = false;
  asked = 0;

  async add(signer: Signer, options: Partial<{ boot: number; store: MemoryStore }> = {}) {
    const node = new Node(this, signer, options);
    this.nodes.push(node);
    await node.start();
    await this.clock.advance(0);
    return node;
  }

  async remove(node: Node): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    for (const other of this.nodes) other.changed(node.self);
    await node.stop();
  }

  apply(outcome: Outcome): string[] {
    if (!outcome.ok) throw new Error(outcome.code);
    for (const node of this.nodes) for (const event of outcome.events ?? []) node.told(event);
    return (outcome.events ?? []).map(({ data }) => String(data['token']));
  }

  grant(signer: Signer, models: readonly string[], seq: number): string[] {
    const agents = models.map((model) => claimed(tuple(model, '0', signer.peer.toLowerCase())));
    return this.apply(this.world.grant(makeClaim(signer, agents, { seq })));
  }
}

class Node {
  readonly net: Net;
  readonly self: string;
  readonly store: MemoryStore;
  readonly metrics = new CountingMetrics();
  readonly events: StateEvent[] = [];
  readonly sent: Uint8Array[] = [];
  readonly handlers = new Map<string, RequestHandler>();
  readonly gossip: GossipService;
  readonly service: CapabilityService;
  readonly components: CapabilityComponents;
  readonly #validators = new Map<string, (from: string, data: Uint8Array) => GossipVerdict>();
  #onChange: ((peer: string) => void) | undefined;

  constructor(net: Net, signer: Signer, options: Partial<{ boot: number; store: MemoryStore }>) {
    this.net = net;
    this.self = signer.peer;
    this.store = options.store ?? new MemoryStore();
    const { clock } = net;
    const common = {
      crypto,
      clock,
      store: this.store,
      metrics: this.metrics,
      logger: silentLogger,
    };
    const pubsub = {
      publish: async (topic: string, data: Uint8Array) => this.#broadcast(topic, data),
      subscribe: () => undefined,
      setValidator: (topic: string, validate: (from: string, data: Uint8Array) => GossipVerdict) =>
        void this.#validators.set(topic, validate),
    };
    const isMember = (peer: string) => net.world.state.get('member', peer)?.removedIndex === null;
    this.gossip = new GossipService(
      { ...common, pubsub, signer, isMember },
      { meshId: MESH, boot: options.boot ?? 1 },
    );
    const others = () => net.nodes.filter((node) => node !== this).map((node) => node.self);
    this.components = {
      ...common,
      ...{ gossip: this.gossip, self: this.self, meshId: MESH, state: net.world.state },
      requester: { request: (peer, protocol, body) => this.#request(peer, protocol, body) },
      responder: {
        handle: async (protocol, handler) => void this.handlers.set(protocol, handler),
        unhandle: async (protocol) => void this.handlers.delete(protocol),
      },
      liveness: {
        isReachable: (peer) => others().includes(peer),
        onChange: (listener) => {
          this.#onChange = listener;
        },
      },
      peersFirst: others,
      sign: (body) => this.gossip.sign('capability', body),
      onEvent: (event) => void this.events.push(event),
    };
    this.service = new CapabilityService(this.components);
  }

  async start(): Promise<void> {
    await this.store.open();
    await this.gossip.start();
    await this.service.start();
    for (const node of this.net.nodes) {
      if (node === this) continue;
      node.changed(this.self);
      this.changed(node.self);
    }
  }

  async stop(): Promise<void> {
    await this.service.stop();
    await this.gossip.stop();
  }

  changed(peer: string): void {
    this.#onChange?.(peer);
  }

  told(event: StateEvent): void {
    this.service.onStateEvent(event);
  }

  deliver(from: string, topic: string, data: Uint8Array): GossipVerdict | undefined {
    return this.#validators.get(topic)?.(from, data);
  }

  statuses(): Record<string, string> {
    const { agents } = this.service.find({ limit: 1_000 });
    return Object.fromEntries(agents.map(({ model, status }) => [model, status]));
  }

  agent(model: string): AgentView | undefined {
    return this.service.find({ q: model }).agents[0];
  }

  types(): string[] {
    return this.events.map(({ type }) => type);
  }

  #broadcast(topic: string, data: Uint8Array): void {
    this.sent.push(data);
    if (this.net.isLossy) return;
    for (const node of this.net.nodes) if (node !== this) node.deliver(this.self, topic, data);
  }

  async #request(peer: string, protocol: string, body: Uint8Array): Promise<Uint8Array> {
    this.net.asked += 1;
    const handler = this.net.nodes.find((node) => node.self === peer)?.handlers.get(protocol);
    if (handler === undefined) throw new CooeeError('ERR_API_TIMEOUT');
    return await handler(this.self, body, new AbortController().signal);
  }
}

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
    expect(b!.service.find({ limit: 1_000 }).agents.every(({ load }) => load === 500)).toBe(true);
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
    expect(b!.events.at(-1)).toMatchObject({
      type: 'agent:unreachable',
      data: { peer: alice.peer },
    });
    net.isLossy = false;
    await net.clock.advance(31_000);
    expect(b!.statuses()).toEqual({ llama: 'idle' });
    expect(b!.events.at(-1)).toMatchObject({ type: 'agent:back', data: { peer: alice.peer } });
  });

  it('believes the connection: a killed node is unreachable at once, and back by itself', async () => {
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

  it('gets a table larger than one frame page by page, and garbage in it spoils nothing', async () => {
    const [a, b] = await makeNet();
    const models = Array.from({ length: 256 }, (_, n) => `m${n}`);
    const tokens = net.grant(alice, models, 1);
    const capabilities = Array.from({ length: 64 }, (_, n) => `${n}`.padStart(64, 'c'));
    for (const token of tokens) await a!.service.announce(token, { capabilities });
    await net.clock.advance(10_000);
    expect(b!.service.find({ capability: capabilities[3]!, limit: 1_000 }).agents).toHaveLength(
      256,
    );
    net.isLossy = true;
    const late = await net.add(admin);
    await net.clock.advance(1_000);
    const found = late.service.find({ capability: capabilities[3]!, limit: 1_000 });
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
