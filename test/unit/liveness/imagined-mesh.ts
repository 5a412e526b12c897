import { MetricsBook } from '../../../daemon/system/metrics.ts';
import {
  type Clock,
  type Condition,
  CooeeError,
  type Health,
  type MemberRecord,
  type Requester,
  type RequestHandler,
  silentLogger,
} from '../../../protocols/interface/index.ts';
import { LivenessService, type LivenessState } from '../../../protocols/liveness/index.ts';
import { MeshState, StateOverlay } from '../../../protocols/slurp/machine/state.ts';
import { ManualClock } from '../wire/manual-clock.ts';

export const MESH_ID = `bafyrei${'a'.repeat(52)}`;
export const peerOf = (n: number): string =>
  `12D3KooW${'A'.repeat(40)}${1111 + n}`.replace(/0/g, 'z');

/** The sequence that a seed gives. */
export function chanceOf(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Not a signature, but as good as one here: it depends on who signed what. */
function imaginedSign(peer: string, data: Uint8Array): Uint8Array {
  let hash = 2166136261;
  for (const bytes of [Buffer.from(peer), data]) {
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 16777619);
  }
  const signature = new Uint8Array(64);
  new DataView(signature.buffer).setInt32(0, hash);
  return signature;
}

/** How a way between two members is, each direction alike. */
export interface Link {
  readonly delayMs: number;
  readonly loss: number;
}

const GOOD: Link = { delayMs: 1, loss: 0 };
/** What TCP adds to a round trip in its first wait for an acknowledgement; doubled then. */
const RTO_MS = 200;
const RTO_MS_MAX = 60_000;

/** A member of an imagined mesh. */
export class ImaginedNode {
  readonly peer: string;
  readonly state = new StateOverlay(new MeshState());
  readonly conditions = new Map<string, Condition>();
  readonly metrics = new MetricsBook();
  readonly mutes: boolean[] = [];
  readonly floods: string[] = [];
  readonly service: LivenessService;
  handler: RequestHandler | undefined;
  /** Added to the wall clock. */
  clockOffMs = 0;
  leader: string | undefined;
  isDead = false;
  #isFrozen = false;
  #held: (() => void)[] = [];

  constructor(mesh: ImaginedMesh, index: number, boot: number) {
    this.peer = peerOf(index);
    const health: Health = {
      raise: (condition) => void this.conditions.set(condition.code, condition),
      clear: (code) => void this.conditions.delete(code),
      list: () => [...this.conditions.values()],
    };
    const clock: Clock = {
      nowMs: () => mesh.clock.nowMs() + this.clockOffMs,
      monotonicMs: () => mesh.clock.monotonicMs(),
      schedule: (delayMs, task) => mesh.clock.schedule(delayMs, () => this.run(task)),
    };
    const random = {
      bytes: (count: number) => Uint8Array.from({ length: count }, () => mesh.chance() * 256),
      fraction: mesh.chance,
    };
    const requester: Requester = {
      request: (to, protocol, body, options) =>
        mesh.request({ from: this, to, protocol }, body, options?.timeoutMs ?? 10_000),
    };
    this.service = new LivenessService(
      {
        ...{ clock, random, health, requester, metrics: this.metrics, state: this.state },
        logger: silentLogger,
        crypto: {
          verify: (peer, data, signature) =>
            Buffer.from(imaginedSign(peer, data)).equals(Buffer.from(signature)),
        },
        signer: { peer: this.peer, sign: (data) => imaginedSign(this.peer, data) },
        responder: {
          handle: async (_protocol, handler) => {
            this.handler = handler;
          },
          unhandle: async () => {
            this.handler = undefined;
          },
        },
        isConnected: (peer) => mesh.isConnected(this.peer, peer),
        leader: () => this.leader,
        hangUp: (peer) => mesh.disconnect(this.peer, peer),
        mute: (isMuted) => {
          if (this.mutes.at(-1) !== isMuted) this.mutes.push(isMuted);
        },
        onFlood: (peer) => this.floods.push(peer),
      },
      { meshId: MESH_ID, boot },
    );
  }

  /** Runs it, or when the process is woken. */
  run(task: () => void): void {
    if (this.isDead) return;
    if (this.#isFrozen) this.#held.push(task);
    else task();
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  wake(): void {
    this.#isFrozen = false;
    const held = this.#held;
    this.#held = [];
    for (const task of held) this.run(task);
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  stateOf(other: ImaginedNode): LivenessState {
    return this.service.stateOf(other.peer);
  }
}

/** Members that are all connected, on imagined time, over links that delay and lose. */
export class ImaginedMesh {
  readonly clock = new ManualClock();
  readonly chance: () => number;
  readonly nodes: ImaginedNode[] = [];
  readonly #links = new Map<string, Link>();
  readonly #connections = new Set<string>();
  /** What waits in each direction in which something is under way: TCP keeps the order. */
  readonly #flights = new Map<string, (() => void)[]>();
  readonly #cut = new Set<string>();
  readonly #all = new Map<string, ImaginedNode>();

  constructor(count: number, seed = 1) {
    this.chance = chanceOf(seed);
    for (let i = 0; i < count; i++) this.#add(new ImaginedNode(this, i, 1));
    for (const node of this.nodes) {
      for (const other of this.nodes) node.state.put('member', other.peer, recordOf(other.peer));
    }
  }

  async start(): Promise<void> {
    for (const node of this.nodes) await node.service.start();
    this.#redial();
    await this.clock.advance(2_000);
  }

  async stop(): Promise<void> {
    for (const node of this.#all.values()) await node.service.stop();
  }

  /** All that has to do with one member goes over such a link. */
  link(node: ImaginedNode, link: Link): void {
    for (const other of this.nodes) this.#links.set(keyOf(node.peer, other.peer), link);
  }

  /** Nothing goes through between the two; connections stay open, as TCP's do. */
  cut(a: ImaginedNode, b: ImaginedNode, isCut = true): void {
    if (isCut) this.#cut.add(keyOf(a.peer, b.peer));
    else this.#cut.delete(keyOf(a.peer, b.peer));
  }

  /** As kill -9: its connections close at once. */
  kill(node: ImaginedNode): void {
    node.isDead = true;
    for (const other of this.nodes) if (other !== node) this.disconnect(node.peer, other.peer);
  }

  /** Ends in order. */
  async end(node: ImaginedNode): Promise<void> {
    await this.finish(node.service.sayGoodbye());
    await node.service.stop();
    this.kill(node);
  }

  /** A new start of one that ended. */
  async restart(node: ImaginedNode, boot: number): Promise<ImaginedNode> {
    const index = this.nodes.indexOf(node);
    const next = new ImaginedNode(this, index, boot);
    for (const other of this.nodes) next.state.put('member', other.peer, recordOf(other.peer));
    for (const other of this.nodes) {
      if (other !== node) other.state.put('member', node.peer, { ...recordOf(node.peer), boot });
    }
    this.nodes[index] = next;
    this.#all.set(next.peer, next);
    await next.service.start();
    return next;
  }

  /** Goes on in time until the promise is settled. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    const done = promise.finally(() => {
      isDone = true;
    });
    while (!isDone) await this.clock.advance(10);
    return await done;
  }

  isConnected(a: string, b: string): boolean {
    return this.#connections.has(keyOf(a, b));
  }

  disconnect(a: string, b: string): void {
    if (!this.#connections.delete(keyOf(a, b))) return;
    const [one, other] = [this.#all.get(a), this.#all.get(b)];
    one?.run(() => one.service.disconnected(b));
    // Its end of the connection hears nothing of that.
    if (this.#cut.has(keyOf(a, b))) return;
    other?.run(() => other.service.disconnected(a));
  }

  async request(
    way: { readonly from: ImaginedNode; readonly to: string; readonly protocol: string },
    body: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    const { from, to } = way;
    if (!this.isConnected(from.peer, to)) throw new CooeeError('ERR_WIRE_STREAM');
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const timer = this.clock.schedule(timeoutMs, () =>
      from.run(() => reject(new CooeeError('ERR_WIRE_TIMEOUT'))),
    );
    this.#send(from.peer, to, () => {
      const target = this.#all.get(to);
      const handled = target?.handler?.(from.peer, body, new AbortController().signal);
      handled?.then(
        (answer) => this.#send(to, from.peer, () => resolve(answer)),
        (error: unknown) => this.#send(to, from.peer, () => reject(error as Error)),
      );
    });
    return await promise.finally(() => timer.cancel());
  }

  #add(node: ImaginedNode): void {
    this.nodes.push(node);
    this.#all.set(node.peer, node);
  }

  #send(from: string, to: string, arrive: () => void): void {
    const direction = `${from} ${to}`;
    const flight = this.#flights.get(direction);
    // While a segment waits for its acknowledgement, what comes behind it goes with the next one.
    if (flight !== undefined) flight.push(arrive);
    else this.#fly({ from, to }, [arrive]);
  }

  /** One segment, sent again with doubled waits until it arrives. */
  #fly(way: { readonly from: string; readonly to: string }, load: readonly (() => void)[]): void {
    const { from, to } = way;
    const key = keyOf(from, to);
    const direction = `${from} ${to}`;
    const { delayMs, loss } = this.#links.get(key) ?? GOOD;
    let waitMs = delayMs;
    // A probe for a lost tail comes first (RFC 8985, section 7), then the doubled waits.
    let rtoMs = 0;
    while (this.chance() < loss) {
      waitMs += rtoMs === 0 ? 4 * delayMs : Math.min(rtoMs, RTO_MS_MAX);
      rtoMs = rtoMs === 0 ? RTO_MS + 2 * delayMs : 2 * rtoMs;
    }
    const next: (() => void)[] = [];
    this.#flights.set(direction, next);
    this.clock.schedule(waitMs, () => {
      if (!this.#cut.has(key) && this.isConnected(from, to)) {
        for (const arrive of load) this.#all.get(to)?.run(arrive);
      }
      this.clock.schedule(delayMs, () => {
        this.#flights.delete(direction);
        if (next.length > 0) this.#fly(way, next);
      });
    });
  }

  /** Connects whoever can be connected, twice a second. */
  #redial(): void {
    const up = this.nodes.filter((node) => !node.isDead && !node.isFrozen);
    for (const [i, a] of up.entries()) {
      for (const b of up.slice(i + 1)) {
        const key = keyOf(a.peer, b.peer);
        if (this.#connections.has(key) || this.#cut.has(key)) continue;
        this.#connections.add(key);
        a.service.connected(b.peer);
        b.service.connected(a.peer);
      }
    }
    this.clock.schedule(500, () => this.#redial());
  }
}

const keyOf = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`);

function recordOf(peer: string): MemberRecord {
  return {
    ...{ peer, name: `n${peer.slice(-2)}`, role: 'member', addresses: [], levels: [1, 1] },
    ...{ invite: null, addedIndex: 1, removedIndex: null, boot: 1, bootNonce: '', isCloned: false },
  } as MemberRecord;
}
