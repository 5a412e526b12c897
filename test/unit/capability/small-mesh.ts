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
  CountingMetrics,
  claimed,
  crypto,
  MESH,
  makeClaim,
  tuple,
  World,
} from '../enrolment/fixtures.ts';
import { ManualClock } from '../wire/manual-clock.ts';

/** A network and a clock of the test, over one replicated state. */
export class Net {
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

/** A node with real gossip envelopes. */
export class Node {
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
