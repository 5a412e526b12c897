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
  type Outbox,
  registerStart,
  type Submitted,
} from '../../../protocols/slurp/index.ts';
import { toHex } from '../../../protocols/wire/index.ts';
import type { Machine, Program } from '../world/machine.ts';
import type { SideMessage } from '../world/network.ts';
import type { SimProcess } from '../world/process.ts';
import type { SimRandom } from '../world/random.ts';
import { SimStreams } from '../world/streams.ts';
import { Violation } from '../world/world.ts';
import type { MeshCluster } from './mesh-cluster.ts';
import {
  buildParts,
  type MeshParts,
  type MeshPorts,
  noMetrics,
  SimHealth,
  startParts,
} from './mesh-parts.ts';
import { NodeWitness } from './node-witness.ts';
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
  readonly #ended = new AbortController();
  #parts: MeshParts | undefined;
  #isDead = false;
  #isSuperseded = false;
  /** Whom it must refuse right now. */
  #toRefuse: string | undefined;
  readonly #witness: NodeWitness;

  constructor(
    cluster: MeshCluster,
    place: { readonly machine: Machine; readonly process: SimProcess; readonly signer: Signer },
  ) {
    this.process = place.process;
    this.#cluster = cluster;
    this.#machine = place.machine;
    this.#signer = place.signer;
    this.#random = cluster.world.random.fork();
    this.#witness = new NodeWitness(cluster, place, (task) => this.#guard(task));
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
      const { parts } = this;
      const isBetrayed = parts !== undefined && this.#witness.isBetrayed(from, bytes, parts);
      if (parts !== undefined) this.#witness.heard(from, bytes, parts);
      this.#toRefuse = isBetrayed ? from : undefined;
      this.#parts?.consensus.onMessage(from, bytes);
      if (this.#toRefuse === undefined) return;
      const who = `${this.#machine.name} listens to ${this.#cluster.nameOf(from)}`;
      throw new Violation('lost-state-is-refused', `${who}, who has less than it signed for`);
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
    this.#ended.abort(new CooeeError('ERR_API_STARTING', 'it was killed'));
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
      return this.#handIn(outbox, kind, body, options).id;
    } catch (error) {
      if (!(error instanceof CooeeError)) throw error;
      return undefined;
    }
  }

  #handIn<K extends CommandKind>(
    outbox: Outbox,
    kind: K,
    body: CommandBody<K>,
    options: Parameters<Outbox['submit']>[2] = {},
  ): Submitted {
    const submitted = outbox.submit(kind, body, options);
    const { id, accepted } = submitted;
    accepted.then(
      () => {
        this.#cluster.world.log(`${this.#machine.name} accepted ${kind} ${id.slice(-6)}`);
        this.#cluster.states.accepted(id, this.#machine.name);
      },
      () => undefined,
    );
    return submitted;
  }

  /** Looks at what changed since the last step. */
  look(): void {
    if (this.parts !== undefined) this.#witness.look(this.parts);
  }

  async #open(): Promise<void> {
    const { founding } = this.#cluster;
    const ports = this.#ports();
    for (const it of [ports.store, ports.log, ports.files]) await it.open();
    const boot = this.#machine.starts + 1;
    const bootNonce = toHex(this.#random.bytes(16));
    const parts = await buildParts(ports, { ...founding, boot, bootNonce });
    const { name } = this.#machine;
    this.#witness.watch(parts);
    this.#parts = parts;
    await startParts(ports, parts);
    for (const peer of ports.connected()) {
      parts.consensus.onConnection(peer, true);
      parts.recoveries.met(peer);
    }
    const body = { boot, bootNonce, name, addresses: [], levels: [1, 1] as [number, number] };
    void this.#register(parts.outbox, body);
  }

  async #register(own: Outbox, body: CommandBody<'member.boot'>): Promise<void> {
    const outbox: Pick<Outbox, 'submit'> = {
      submit: (...parameters) => this.#handIn(own, ...parameters),
    };
    const clock = this.#machine.clock.of(this.process);
    try {
      await registerStart({ outbox, clock, logger: this.#logger() }, body, this.#ended.signal);
    } catch (error) {
      if (!(error instanceof CooeeError)) this.#fail(error);
    }
  }

  #ports(): MeshPorts {
    const { network, book } = this.#cluster;
    const self = this.#signer.peer;
    const { log, ...stores } = this.#machine.disk.of(this.process);
    const peers = this.#cluster.peersOf(this.#machine);
    return {
      log: watchedLog(log, {
        book,
        node: this.#machine.name,
        branch: (index) => this.#witness.branchAt(index) ?? this.#parts?.trust.epochs.current.id,
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
        send: (peer, message) => {
          if (peer === this.#toRefuse && isRefusal(message, { from: self, to: peer })) {
            this.#toRefuse = undefined;
          }
          return !this.#isDead && network.send(self, peer, message);
        },
        isConnected: (peer) => network.isConnected(self, peer),
      },
      connected: () => peers.filter((peer) => network.isConnected(self, peer)),
      publish: (body) => this.#publish(body),
      onFatal: () => this.#machine.kill(true),
      onSuperseded: () => this.#startOver(),
      onLog: (meshLog) => this.#witness.watchLog(meshLog),
      recoveryWatch: {
        shown: (bytes) => this.#guard(() => this.#cluster.shown(this.#machine, bytes)),
        recovering: (how) => this.#witness.recovering(how, this.#parts as MeshParts),
        recovered: () => this.#witness.recovered(),
      },
    };
  }

  /** A recovery left out what is here. */
  #startOver(): void {
    if (this.#isDead || this.#isSuperseded) return;
    this.#isSuperseded = true;
    this.#cluster.startOver(this.#machine);
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

function isRefusal(bytes: Uint8Array, way: Parameters<typeof decodeLinkMessage>[1]): boolean {
  return decodeLinkMessage(bytes, way).kind === 'refused';
}
