import { setTimeout as sleep } from 'node:timers/promises';
import { SimRandom } from '../../sim/world/random.ts';
import type { HistoryWriter } from '../history/index.ts';
import type { Acting } from './actions/client.ts';
import { Board } from './board.ts';
import { finish } from './finish.ts';
import { live } from './human.ts';
import { type Connect, connectBySocket, NodeLink, type WorkloadNode } from './link.ts';
import { Recorder, type WorkloadStats } from './recorder.ts';

/** What {@link Workload.start} takes. */
export interface WorkloadInit {
  readonly nodes: readonly WorkloadNode[];
  readonly history: HistoryWriter;
  /** The same one draws the same choices; their order depends on how quick the answers are. */
  readonly seed: number;
  /** Part of the names of all that it makes: of one workload alone. Default `w<seed>`. */
  readonly tag?: string;
  /** Each is a human, too. Default 3. */
  readonly clientsPerNode?: number;
  /** Of all clients of the nodes of the start together, at most. Default 40. */
  readonly opsPerSecond?: number;
  /** Calls that are raced for at once. Default 4. */
  readonly callsAtOnce?: number;
  /** How long a write waits for its commit. A client gives up 2 s later. Default 5 s. */
  readonly opTimeoutMs?: number;
  /** Over the whole run. Default 200. */
  readonly enrolmentsMax?: number;
  /** Makes the client of a node. Default: the typed client. */
  readonly connect?: Connect;
}

const DEFAULTS = {
  clientsPerNode: 3,
  opsPerSecond: 40,
  callsAtOnce: 4,
  opTimeoutMs: 5_000,
  enrolmentsMax: 200,
  connect: connectBySocket,
};

/** How much longer than a wait its client waits: then the daemon is frozen, or cut off. */
const GIVE_UP_AFTER_MS = 2_000;
const FINISH_TIMEOUT_MS = 120_000;

/**
 * Clients on every node of a mesh that enrol, hand in, call, race for calls and read, whatever
 * happens to the nodes; each thing they do is recorded.
 */
export class Workload {
  /** What ended a client: a fault of the workload itself. */
  failure: Error | undefined;
  readonly #init: Required<WorkloadInit>;
  readonly #random: SimRandom;
  readonly #board: Board;
  readonly #recorder: Recorder;
  readonly #links = new Map<string, NodeLink>();
  readonly #over = new AbortController();
  readonly #clients: Promise<void>[] = [];
  readonly #pauseMs: number;

  private constructor(init: WorkloadInit) {
    this.#init = { ...DEFAULTS, tag: `w${init.seed}`, ...init };
    const { callsAtOnce, clientsPerNode, history, nodes, opsPerSecond, seed } = this.#init;
    this.#random = new SimRandom(seed);
    this.#board = new Board(callsAtOnce, this.#random.fork());
    this.#recorder = new Recorder(history);
    this.#pauseMs = (1_000 * nodes.length * clientsPerNode) / opsPerSecond;
    for (const node of nodes) this.addNode(node);
  }

  /** Begins at once. */
  static start(init: WorkloadInit): Workload {
    return new Workload(init);
  }

  /** Has clients at another node, too. */
  addNode(node: WorkloadNode): void {
    if (this.#links.has(node.name)) throw new Error(`there is a node ${node.name} already`);
    const link = this.#link(node);
    for (let number = 1; number <= this.#init.clientsPerNode; number++) {
      const client = live(this.#acting(link, number), this.#pauseMs, this.#over.signal);
      this.#clients.push(client.catch((error: unknown) => this.#fail(error)));
    }
  }

  stats(): WorkloadStats {
    return this.#recorder.stats();
  }

  /** Lets the clients have their last answer. @throws Error when one had failed */
  async stop(): Promise<WorkloadStats> {
    this.#over.abort();
    await Promise.all(this.#clients);
    await Promise.all([...this.#links.values()].map((link) => link.close()));
    if (this.failure !== undefined) throw this.failure;
    return this.stats();
  }

  /**
   * For after the stop, with all nodes up and no harm done any more: hands in again what is not
   * known to be committed, settles all calls, and records what each node has to read.
   *
   * @throws Error that says what could not be done within the time
   */
  async finish({
    timeoutMs = FINISH_TIMEOUT_MS,
  }: {
    readonly timeoutMs?: number;
  } = {}): Promise<void> {
    const nodes = [...this.#links.values()].map(({ node }) => node);
    const actings = nodes.map((node) => this.#acting(this.#link(node), 0));
    try {
      await finish(actings, performance.now() + timeoutMs);
    } finally {
      await Promise.all(actings.map(({ link }) => link.close()));
    }
  }

  #link(node: WorkloadNode): NodeLink {
    const { connect, opTimeoutMs } = this.#init;
    const link = new NodeLink(node, connect(node, opTimeoutMs + GIVE_UP_AFTER_MS));
    this.#links.set(node.name, link);
    return link;
  }

  #acting(link: NodeLink, number: number): Acting {
    const { enrolmentsMax, opTimeoutMs, tag } = this.#init;
    return {
      ...{ name: `${link.node.name}/${number}`, tag, link, opTimeoutMs, enrolmentsMax },
      ...{ random: this.#random.fork(), board: this.#board, recorder: this.#recorder },
      ...{ holds: new Map(), made: 0 },
    };
  }

  /** All of them stop: a history with a hole is worth nothing. */
  #fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
    this.#over.abort();
  }
}

/** Runs a workload for so long, and stops it. */
export async function runWorkload(
  init: WorkloadInit & { readonly durationMs: number },
): Promise<Workload> {
  const { durationMs, ...rest } = init;
  const workload = Workload.start(rest);
  await sleep(durationMs);
  await workload.stop();
  return workload;
}
