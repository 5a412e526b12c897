import {
  CooeeError,
  isCooeeError,
  type Logger,
  type Signer,
  toError,
} from '../../../protocols/interface/index.ts';
import { decodeLinkMessage } from '../../../protocols/slurp/driver/raft-codec.ts';
import {
  type CommandBody,
  type CommandKind,
  decodeHead,
  epochOf,
  lostStateProblem,
  type Outbox,
} from '../../../protocols/slurp/index.ts';
import { toHex } from '../../../protocols/wire/index.ts';
import type { Branch } from '../check/branch.ts';
import type { Machine, Program } from '../world/machine.ts';
import type { SideMessage } from '../world/network.ts';
import type { SimProcess } from '../world/process.ts';
import type { SimRandom } from '../world/random.ts';
import { SimStreams } from '../world/streams.ts';
import { Violation } from '../world/world.ts';
import { watchApplied } from './applied-watch.ts';
import type { MeshCluster } from './mesh-cluster.ts';
import {
  buildParts,
  type MeshParts,
  type MeshPorts,
  noMetrics,
  SimHealth,
  startParts,
} from './mesh-parts.ts';
import { watchedLog } from './watched-log.ts';

/** What a disk says when it fails; a program that meets it while it starts ends. */
const DISK_CODES: ReadonlySet<string> = new Set([
  'ERR_STORAGE_DISK_FULL',
  'ERR_STORAGE_IO',
  'ERR_STORAGE_NOT_OPEN',
]);

/** One node of the simulated mesh: the product's own parts on simulated ports. */
export class MeshNode implements Program {
  readonly process: SimProcess;
  readonly #cluster: MeshCluster;
  readonly #machine: Machine;
  readonly #signer: Signer;
  readonly #random: SimRandom;
  readonly #streams: SimStreams;
  readonly #health = new SimHealth();
  #parts: MeshParts | undefined;
  #isDead = false;
  #appliedTold = 0;
  #told = '';
  /** The operator recovers here, right now. */
  #isRecovering = false;
  #isSuperseded = false;
  /** The branch of each mark that it has a head of. */
  readonly #marks = new Map<number, string>();

  constructor(
    cluster: MeshCluster,
    place: { readonly machine: Machine; readonly process: SimProcess; readonly signer: Signer },
  ) {
    this.process = place.process;
    this.#cluster = cluster;
    this.#machine = place.machine;
    this.#signer = place.signer;
    this.#random = cluster.world.random.fork();
    const clock = place.machine.clock.of(place.process);
    this.#streams = new SimStreams({ network: cluster.network, self: place.signer.peer, clock });
    this.#open().catch((error: unknown) => this.#die(error));
  }

  /** Undefined while it starts. */
  get parts(): MeshParts | undefined {
    return this.#isDead ? undefined : this.#parts;
  }

  get name(): string {
    return this.#machine.name;
  }

  get peer(): string {
    return this.#signer.peer;
  }

  get streams(): SimStreams {
    return this.#streams;
  }

  get conditions(): string {
    return this.#health
      .list()
      .map(({ code }) => code)
      .join(' ');
  }

  onMessage(from: string, bytes: Uint8Array): void {
    this.#guard(() => {
      this.#lookForEvidence(from, bytes);
      this.#parts?.consensus.onMessage(from, bytes);
    });
  }

  onSideMessage(from: string, message: SideMessage): void {
    if (message.kind !== 'gossip') this.#streams.onMessage(from, message);
    else this.#hear(message.body);
  }

  onPeer(peer: string, event: 'broken' | 'connected' | 'disconnected'): void {
    if (event === 'broken') {
      this.#guard(() => this.#parts?.consensus.onStreamBroken(peer));
      return;
    }
    if (event === 'disconnected') this.#streams.onDisconnected(peer);
    this.#guard(() => {
      this.#parts?.consensus.onConnection(peer, event === 'connected');
      if (event === 'connected') {
        this.#parts?.recoveries.met(peer);
        this.#parts?.consensus.nudge();
        this.#parts?.courier.nudge();
      }
    });
  }

  onKilled(): void {
    this.#isDead = true;
  }

  /**
   * Hands a command in, as a program on this host would. Gives its id, unless it was not taken.
   */
  submit<K extends CommandKind>(
    kind: K,
    body: CommandBody<K>,
    options: Parameters<Outbox['submit']>[2] = {},
  ): string | undefined {
    const outbox = this.parts?.outbox;
    if (outbox === undefined) return undefined;
    try {
      const { id, accepted } = outbox.submit(kind, body, options);
      accepted.then(
        () => {
          this.#cluster.world.log(`${this.#machine.name} accepted ${kind} ${id.slice(-6)}`);
          this.#cluster.states.accepted(id, this.#machine.name);
        },
        () => undefined,
      );
      return id;
    } catch (error) {
      if (!(error instanceof CooeeError)) throw error;
      return undefined;
    }
  }

  /** Looks at what changed since the last step. */
  look(): void {
    const parts = this.parts;
    if (parts === undefined) return;
    const { name } = this.#machine;
    const { meshLog, consensus, headSigner } = parts;
    this.#cluster.states.signed(name, headSigner.signed?.term ?? 0, meshLog.term);
    const raft = consensus.raft;
    if (raft?.role === 'leader') this.#cluster.book.leads(name, raft.term);
    const told = raft === undefined ? 'no seat' : `${raft.role} of term ${raft.term}`;
    if (told !== this.#told) {
      this.#told = told;
      const leader = this.#cluster.nameOf(raft?.leader ?? '-');
      this.#cluster.world.log(
        `${name}: ${told}, leader ${leader}, vote ${this.#cluster.nameOf(raft?.vote ?? '-')}`,
      );
    }
    this.#cluster.book.committed(name, meshLog.commitIndex);
    if (meshLog.appliedIndex !== this.#appliedTold) {
      this.#appliedTold = meshLog.appliedIndex;
      const at = { index: meshLog.appliedIndex, root: meshLog.appliedRoot() };
      this.#cluster.states.root(name, this.#cluster.book.branchOf(name), at);
      this.#cluster.world.log(`${name} applied ${meshLog.appliedIndex}`);
    }
    if (this.#cluster.disaster.isDrawn && !this.#isRecovering) this.#lookAtEpochs(parts);
  }

  #lookAtEpochs({ trust, consensus, meshLog }: MeshParts): void {
    const { epochs } = trust;
    const kept = [epochs.newest, epochs.rival].flatMap((it) => (it === undefined ? [] : [it.id]));
    const isVoting = consensus.raft !== undefined;
    this.#cluster.epochs.look({
      node: this.#machine.name,
      nowMs: this.#cluster.world.nowMs,
      current: epochs.current,
      ofState: epochOf(meshLog.state).id,
      kept,
      isVoting,
      isIdle: !isVoting && consensus.replica === undefined,
      commit: meshLog.commitIndex,
      isHindered: this.#machine.isFrozen || this.#machine.disk.isHindered,
    });
  }

  /** The branch of what is committed here; Raft's book hears of it first. */
  #branch({ meshLog }: Pick<MeshParts, 'meshLog'>): Branch {
    const { book } = this.#cluster;
    const { name } = this.#machine;
    // While it starts nobody else has said yet what its state is of.
    book.place(name, epochOf(meshLog.state).id);
    book.committed(name, meshLog.commitIndex);
    return book.branchOf(name);
  }

  async #open(): Promise<void> {
    const { founding } = this.#cluster;
    const ports = this.#ports();
    for (const it of [ports.store, ports.log, ports.files]) await it.open();
    const boot = this.#machine.starts + 1;
    const bootNonce = toHex(this.#random.bytes(16));
    const parts = await buildParts(ports, { ...founding, boot, bootNonce });
    const { name } = this.#machine;
    this.#branch(parts);
    this.#cluster.epochs.started(name);
    this.#watch(parts);
    this.#parts = parts;
    await startParts(ports, parts);
    for (const peer of ports.connected()) {
      parts.consensus.onConnection(peer, true);
      parts.recoveries.met(peer);
    }
    const body = { boot, bootNonce, name, addresses: [], levels: [1, 1] as [number, number] };
    this.submit('member.boot', body, { alone: true });
  }

  #watch(parts: MeshParts): void {
    const { states, book } = this.#cluster;
    const { name } = this.#machine;
    parts.trust.onVerified(({ bytes }) =>
      this.#guard(() => {
        const { epoch, index, stateCid } = decodeHead(bytes).head;
        const own = this.#branch(parts);
        const followed = book.branch(parts.trust.epochs.current.id) ?? own;
        // Of its own epoch: nobody signs for one that is over, so it is never of a later one that
        // goes on with less of the log before. The head alone does not say of which rival it is.
        const branch = states.head(name, book.ofEpoch(epoch, [followed, own]), bytes);
        if (stateCid !== undefined) this.#marks.set(index, branch.id);
      }),
    );
    parts.snapshots.onMark(() =>
      this.#guard(() => {
        const mark = parts.snapshots.latest();
        if (mark === undefined) return;
        const { index, stateCid: cid } = mark;
        states.state(name, this.#branch(parts), { index, cid });
      }),
    );
  }

  /** What it holds of what is committed must still be there when the log has gone on. */
  #recovering({ hadSeat }: { readonly hadSeat: boolean }): () => void {
    const { book } = this.#cluster;
    const { name } = this.#machine;
    const parts = this.#parts as MeshParts;
    const branch = this.#branch(parts);
    const { held, commitIndex } = parts.meshLog;
    // Who only pulls has proof of what it committed, and of nothing behind that.
    const index = hadSeat ? book.heldOf(name, branch, (at) => held.termOf(at)) : commitIndex;
    const chain = book.chainOf(name, index);
    this.#isRecovering = true;
    return () => {
      if (book.isHeld(name, index, chain)) return;
      const what = `${name} had ${index}, and gave it up`;
      this.#cluster.fail(new Violation('what-was-held-is-kept', what));
    };
  }

  #ports(): MeshPorts {
    const { network, book, states } = this.#cluster;
    const self = this.#signer.peer;
    const { log, ...stores } = this.#machine.disk.of(this.process);
    const peers = this.#cluster.peersOf(this.#machine);
    return {
      log: watchedLog(log, {
        book,
        node: this.#machine.name,
        branch: (index) => this.#marks.get(index) ?? this.#parts?.trust.epochs.current.id,
        fail: (error) => this.#fail(error),
      }),
      ...stores,
      signer: this.#signer,
      clock: this.#machine.clock.of(this.process),
      random: this.#random,
      health: this.#health,
      metrics: noMetrics,
      logger: this.#logger(),
      streams: this.#streams,
      link: {
        send: (peer, message) => !this.#isDead && network.send(self, peer, message),
        isConnected: (peer) => network.isConnected(self, peer),
      },
      connected: () => peers.filter((peer) => network.isConnected(self, peer)),
      publish: (body) => this.#publish(body),
      onFatal: () => this.#machine.kill(true),
      onSuperseded: () => this.#startOver(),
      onLog: (meshLog) => {
        const { name } = this.#machine;
        watchApplied(meshLog, (entry) =>
          this.#guard(() => states.applied(name, this.#branch({ meshLog }), entry)),
        );
      },
      recoveryWatch: {
        shown: (bytes) => this.#guard(() => this.#cluster.shown(this.#machine, bytes)),
        recovering: (how) => this.#recovering(how),
        recovered: () => {
          this.#isRecovering = false;
        },
      },
    };
  }

  /** A recovery left out what is here. */
  #startOver(): void {
    if (this.#isDead || this.#isSuperseded) return;
    this.#isSuperseded = true;
    this.#cluster.startOver(this.#machine);
  }

  /** A voter introduces itself with less than it has signed for: this node must not believe it. */
  #lookForEvidence(from: string, bytes: Uint8Array): void {
    const { parts } = this;
    if (parts === undefined) return;
    const message = decodeLinkMessage(bytes, { from, to: this.#signer.peer });
    if (message.kind !== 'hello') return;
    const { voters } = parts.meshLog.configuration().configuration;
    const head = parts.trust.highest()?.signed;
    // What it says may be old: a head can outrun a hello, and so can the end of who said it.
    const claim = this.#cluster.claimOf(from);
    if (claim === undefined || !voters.includes(from)) return;
    if (lostStateProblem(from, claim, head) === undefined) return;
    const branch = this.#cluster.book.branchOf(this.#machine.name);
    this.#cluster.foundOut(from, { index: parts.meshLog.appliedIndex, branch });
  }

  #publish(body: Uint8Array): void {
    if (this.#isDead) return;
    for (const peer of this.#cluster.peersOf(this.#machine)) {
      const message = { kind: 'gossip', id: 0, protocol: 'slurp', body } as const;
      this.#cluster.network.sendSide(this.#signer.peer, peer, message);
    }
  }

  #hear(bytes: Uint8Array): void {
    const { parts } = this;
    if (parts === undefined) return;
    try {
      const signed = parts.trust.hear(bytes);
      if (signed.head.index > parts.meshLog.appliedIndex) parts.consensus.nudge();
    } catch (error) {
      if (error instanceof CooeeError) parts.consensus.nudge();
      else this.#cluster.fail(error);
    }
  }

  #logger(): Logger {
    const say = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
      if (this.#isDead) return;
      const { err, ...rest } = fields;
      const cause = err === undefined ? '' : ` (${toError(err).message})`;
      const text = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest)}`;
      this.#cluster.world.log(`${this.#machine.name} ${level}: ${message}${text}${cause}`);
    };
    const logger: Logger = {
      error: say('error'),
      warn: say('warn'),
      info: () => undefined,
      debug: () => undefined,
      child: () => logger,
    };
    return logger;
  }

  /** What a dead process comes to after its end nobody hears of. */
  #guard(task: () => void): void {
    try {
      if (!this.#isDead) task();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!this.#isDead) this.#cluster.fail(error);
  }

  #die(error: unknown): void {
    if (this.#isDead) return;
    if (error instanceof CooeeError && DISK_CODES.has(error.code)) this.#machine.kill(true);
    else if (isCooeeError(error, 'ERR_SLURP_SUPERSEDED')) this.#startOver();
    else this.#cluster.onDamaged(this.#machine, error);
  }
}
