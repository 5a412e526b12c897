import type { Clock, MessageLink, Signer } from '../../../../protocols/interface/index.ts';
import type { RaftTiming } from '../../../../protocols/raft/index.ts';
import { Consensus } from '../../../../protocols/slurp/driver/consensus.ts';
import { leaderBatch } from '../../../../protocols/slurp/driver/leader-batch.ts';
import type { AppliedEntry, Replica } from '../../../../protocols/slurp/index.ts';
import type { Recovery } from '../../../../protocols/slurp/recovery/recovery-link.ts';
import { seeded } from '../../raft/random-network.ts';
import {
  add,
  batchOf,
  type Change,
  crypto,
  founder,
  GENESIS,
  issue,
  Machine,
  ManualClock,
  MESH,
  recordsOf,
  rootOf,
  second,
  settle,
  signerOf,
  third,
} from '../mesh-world.ts';

export { batchOf, crypto, founder, rootOf, second, third };

/** Term of the entries that every log begins with. */
const FIRST_TERM = 2;

/** A mesh whose first entries made all of these voters. */
export class RaftWorld {
  readonly clock = new ManualClock();
  readonly nodes = new Map<string, RaftNode>();
  readonly #cuts = new Set<string>();
  readonly timing: Partial<RaftTiming> = {};
  /** The same in each run. */
  readonly random = seeded(1);

  static async start(signers: readonly Signer[] = [founder, second, third]): Promise<RaftWorld> {
    const world = new RaftWorld();
    for (const signer of signers) {
      const node = new RaftNode(world, signer);
      world.nodes.set(signer.peer, node);
      await node.boot(signers);
    }
    for (const node of world.nodes.values()) await node.start();
    return world;
  }

  /** Time passes, in small steps. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** Time passes until it holds. */
  async until(what: () => boolean, limitMs = 10_000): Promise<void> {
    for (let ms = 0; !what(); ms += 10) {
      if (ms > limitMs) throw new Error(`not within ${limitMs} ms of the clock`);
      await this.clock.advance(10);
    }
  }

  get leaders(): readonly RaftNode[] {
    return [...this.nodes.values()].filter((it) => it.isUp && it.consensus.isLeader);
  }

  /** The leader, once there is one that has announced itself. */
  async leader(): Promise<RaftNode> {
    const ready = (): RaftNode | undefined =>
      this.leaders.find(({ machine, consensus }) => {
        const record = machine.meshLog.state.get('mesh', 'leader');
        return record !== undefined && 'term' in record && record.term === consensus.term;
      });
    await this.until(() => ready() !== undefined);
    return ready() as RaftNode;
  }

  /** Cuts or mends both directions between two nodes. */
  cut(a: RaftNode, b: RaftNode, isCut = true): void {
    const key = [a.signer.peer, b.signer.peer].sort().join(' ');
    if (isCut === this.#cuts.has(key)) return;
    if (isCut) this.#cuts.add(key);
    else this.#cuts.delete(key);
    if (a.isUp) a.consensus.onConnection(b.signer.peer, !isCut);
    if (b.isUp) b.consensus.onConnection(a.signer.peer, !isCut);
  }

  isOpen(a: string, b: string): boolean {
    const isUp = this.nodes.get(a)?.isUp === true && this.nodes.get(b)?.isUp === true;
    return isUp && !this.#cuts.has([a, b].sort().join(' '));
  }

  async stop(): Promise<void> {
    for (const node of this.nodes.values()) {
      const stopped = node.isUp ? node.consensus.stop() : Promise.resolve();
      await Promise.all([stopped, this.pass(3_000)]);
    }
  }
}

/** One host of the world. */
export class RaftNode {
  readonly world: RaftWorld;
  readonly signer: Signer;
  readonly applied: AppliedEntry[] = [];
  readonly fatal: unknown[] = [];
  /** What it heard of recoveries. */
  readonly epochs: {
    isBehind: boolean;
    rival: Recovery | undefined;
    awaitedIndex: number | undefined;
  } = { isBehind: false, rival: undefined, awaitedIndex: undefined };
  /** How many times it began to follow by pull. */
  pulls = 0;
  machine!: Machine;
  consensus!: Consensus;
  isUp = false;
  /** Messages are kept back while it is frozen. */
  isFrozen = false;
  #inbox: (() => void)[] = [];
  #boot = 0;
  #seq = 0;

  constructor(world: RaftWorld, signer: Signer) {
    this.world = world;
    this.signer = signer;
  }

  /**
   * A disk with the first entries of the mesh.
   *
   * @param heldVoters how many of the voters have their seat in what this node holds of them
   */
  async boot(voters: readonly Signer[], heldVoters = voters.length): Promise<void> {
    this.machine = new Machine();
    const { log, store, meshLog } = this.machine;
    Object.assign(this.machine, { clock: this.world.clock });
    await log.open();
    await store.open();
    const seats = voters.slice(0, heldVoters).flatMap((joiner, i) => {
      if (i === 0) return [];
      const change = leaderBatch(
        { signer: founder, crypto, clock: this.world.clock, meshId: MESH },
        'voter.change',
        {
          term: FIRST_TERM,
          voters: voters.slice(0, i + 1).map(({ peer }) => peer),
          learners: [],
        },
      );
      const admission = [add(joiner, 40), promote(joiner)];
      return [batchOf(founder, { seq: 2 + i }, admission), change.bytes];
    });
    const batches = [batchOf(founder, { seq: 2 }, [issue(40, 10)]), ...seats];
    const records = [GENESIS, ...recordsOf(batches, 2, { term: FIRST_TERM })];
    await log.append(records, { term: FIRST_TERM, vote: null, commit: records.length });
    await meshLog.open();
    this.#seq = 100;
  }

  async start(): Promise<void> {
    const { world, signer, machine } = this;
    const link: MessageLink = {
      isConnected: (peer) => world.isOpen(signer.peer, peer),
      send: (peer, message) => this.#send(peer, message),
    };
    this.#boot++;
    const boot = this.#boot;
    this.isUp = true;
    this.consensus = new Consensus(
      {
        meshLog: machine.meshLog,
        ...{ log: machine.log, store: machine.store },
        link,
        signer,
        crypto,
        clock: mortal(world.clock, () => this.#boot === boot && this.isUp),
        random: { bytes: (count) => new Uint8Array(count), fraction: () => world.random() },
        health: machine.health,
        metrics: machine.metrics,
        logger: machine.logger,
        onFatal: (error) => void this.fatal.push(error),
        signedBy: () => undefined,
        epochs: this.epochs,
        isUnlinked: () => false,
        makeReplica: () => {
          this.pulls++;
          return nothingToPull;
        },
        installFrom: () => Promise.reject(new Error('no snapshots in this world')),
      },
      {
        start: { boot: this.#boot, bootNonce: `${this.#boot}`.padStart(32, '0') },
        recipient: 'age1aaa',
        timing: world.timing,
      },
    );
    machine.meshLog.onApplied((entry) => this.applied.push(entry));
    await this.consensus.start();
    for (const peer of world.nodes.keys()) {
      if (!world.isOpen(signer.peer, peer) || peer === signer.peer) continue;
      this.consensus.onConnection(peer, true);
      world.nodes.get(peer)?.consensus.onConnection(signer.peer, true);
    }
  }

  /** Ends without a word; its disk keeps what was synced. */
  kill(): void {
    this.isUp = false;
    this.#inbox = [];
    for (const [peer, node] of this.world.nodes) {
      if (peer !== this.signer.peer && node.isUp) {
        node.consensus.onConnection(this.signer.peer, false);
      }
    }
  }

  async revive(kept: Parameters<Machine['restart']>[0] = {}): Promise<void> {
    await this.machine.restart(kept);
    await this.start();
  }

  /** Hands a batch with one command in, as the courier of this node would. */
  async submit(change: Change): Promise<number> {
    this.#seq++;
    const batch = batchOf(this.signer, { boot: 50, seq: this.#seq }, [change]);
    return await this.consensus.propose([batch], true);
  }

  /** What is held, as one text: equal for equal logs. */
  async log(): Promise<readonly string[]> {
    const records = await this.machine.records();
    return records.map(({ index, term }) => `${index}/${term}`);
  }

  receive(from: string, message: Uint8Array): void {
    const task = (): void => {
      if (this.isUp && this.world.isOpen(from, this.signer.peer)) {
        this.consensus.onMessage(from, message);
      }
    };
    if (this.isFrozen) this.#inbox.push(task);
    else task();
  }

  thaw(): void {
    this.isFrozen = false;
    for (const task of this.#inbox.splice(0)) task();
  }

  #send(peer: string, message: Uint8Array): boolean {
    if (!this.world.isOpen(this.signer.peer, peer)) return false;
    const copy = message.slice();
    void settle().then(() => this.world.nodes.get(peer)?.receive(this.signer.peer, copy));
    return true;
  }
}

/** A follower that finds nobody to follow. */
const nothingToPull = {
  ...{ start: () => undefined, nudge: () => undefined, knownIndex: 0, headIndex: 0 },
  ...{ open: async () => undefined, stop: async () => undefined },
  ...{ pull: () => noSource(), follow: () => noSource(), look: () => noSource() },
} as unknown as Replica;

const noSource = (): Promise<never> => Promise.reject(new Error('there is nobody to pull from'));

/** Any of them may change the settings. */
const promote = ({ peer }: Signer): Change => ({
  kind: 'member.role',
  body: { peer, role: 'admin' },
});

/** A clock whose timers die with their program. */
function mortal(clock: Clock, isAlive: () => boolean): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    schedule: (delayMs, task) => clock.schedule(delayMs, () => (isAlive() ? task() : undefined)),
  };
}

export const peerOf = (number: number): string => signerOf(number).peer;
