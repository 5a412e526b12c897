import { CooeeError } from '../protocols/interface/index.ts';
import { toHex } from '../protocols/wire/index.ts';
import { markStale, readRestoredMark, removeRestoredMark } from './backup/restored-mark.ts';
import type { DaemonComponents, DaemonInit } from './daemon-init.ts';
import { keepCompany } from './mesh/damage/company.ts';
import type { MeshFile, MeshFolder } from './mesh/mesh-folder.ts';
import type { NodeLife } from './mesh/node-life.ts';
import { type MeshStores, openMeshStores } from './mesh/stores.ts';
import { buildNode, type NodeInit } from './node.ts';
import { nodeSettings } from './settings.ts';

/** What {@link HomeNode} works with. */
export interface HomeNodeComponents extends DaemonComponents {
  readonly folder: MeshFolder;
  /** A start of the node asks for another one, with a higher number: see `IdentityGuard`. */
  readonly startAgain: (file: MeshFile, boot: number) => void;
  /** What is applied here is not what the operator recovered elsewhere. */
  readonly onSuperseded: () => void;
}

/** A start of a node, and the batch numbers of it that are used already. */
type Begun = Pick<NodeInit, 'boot' | 'lastSeq'>;

/** The node of a home while it runs: its stores, opened and closed with it. */
export class HomeNode {
  readonly #components: HomeNodeComponents;
  readonly #init: DaemonInit;
  #node: NodeLife | undefined;
  #stores: MeshStores | undefined;
  #listen: readonly string[];
  #isStopped = false;
  /** What is being brought up, and torn down: whoever stops waits for both. */
  #rising: Promise<void> = Promise.resolve();
  #falling: Promise<void> = Promise.resolve();

  constructor(components: HomeNodeComponents, init: DaemonInit) {
    this.#components = components;
    this.#init = init;
    this.#listen = init.listen;
  }

  /** The node, also while it joins; undefined while there is none. */
  get node(): NodeLife | undefined {
    return this.#node;
  }

  /** Log and store of its mesh; undefined while there is no node. */
  get stores(): MeshStores | undefined {
    return this.#node === undefined ? undefined : this.#stores;
  }

  /** The number of a start that begins now: on the disk before it is used. */
  async nextStart(): Promise<NodeInit['boot']> {
    const { home, random } = this.#components;
    const { boot, nonce } = await home.nextBoot(random);
    return { boot, bootNonce: toHex(nonce) };
  }

  /** Opens the stores, unless they are; {@link tearDown} closes them. @throws CooeeError */
  async openStores(): Promise<MeshStores> {
    this.#stores ??= await openMeshStores(this.#components.folder, this.#components);
    return this.#stores;
  }

  /**
   * Builds and starts the node of a mesh; when that fails there is none.
   *
   * @param begun - a start that was begun already; another one begins without it
   * @throws CooeeError ERR_STORAGE_*, ERR_WIRE_*, ERR_BOOTSTRAP_LISTEN, ERR_SLURP_SUPERSEDED,
   * ERR_API_STARTING once it was stopped
   */
  async bringUp(file: MeshFile, begun?: Begun): Promise<void> {
    const rising = this.#bringUp(file, begun);
    this.#rising = rising.catch(() => undefined);
    await rising;
  }

  async #bringUp(file: MeshFile, begun?: Begun): Promise<void> {
    this.#assertRuns();
    const { folder, logger, home, clock, onNode, startAgain, onSuperseded } = this.#components;
    const { boot, lastSeq } = begun ?? { boot: await this.nextStart(), lastSeq: 0 };
    const restored = await readRestoredMark(home.path);
    let heldIndex = 0;
    try {
      const stores = await this.openStores();
      await this.#finishAdoption();
      const node = await buildNode(
        {
          ...{ ...this.#components, ...stores, onSuperseded },
          noteBoot: (it) => home.noteBoot(it),
          noteStale: () => markStale(home.path, clock.nowMs(), heldIndex),
          startAgain: () => startAgain(file, boot.boot),
        },
        {
          meshId: file.mesh,
          anchor: { ...file.anchor, root: Uint8Array.from(Buffer.from(file.anchor.root, 'hex')) },
          vouched: file.vouched,
          admittedIndex: file.state === 'joining' ? Infinity : file.admittedIndex,
          boot,
          lastSeq,
          name: this.#init.name,
          recipient: this.#init.recipient,
          listen: this.#listen,
          mdns: this.#init.mdns,
          restored: restored && { isLead: restored.lead, index: restored.index },
          ...nodeSettings(this.#init.config),
        },
      );
      this.#node = node;
      this.#assertRuns();
      heldIndex = node.parts.meshLog.commitIndex;
      keepCompany(node, folder, logger);
      onNode(boot.boot, node.parts.meshLog.appliedIndex);
      await node.start();
      if (restored !== undefined) await removeRestoredMark(home.path);
      this.#listen = node.parts.network.listening;
    } catch (error) {
      await this.tearDown();
      throw error;
    }
  }

  /**
   * Stops the node and closes its stores; a second call waits for the first.
   *
   * @throws CooeeError ERR_STORAGE_* of the closing
   */
  async tearDown(): Promise<void> {
    const falling = this.#falling.then(() => this.#tearDown());
    this.#falling = falling.catch(() => undefined);
    await falling;
  }

  /** As {@link tearDown}, for good: resolves when nothing uses the home any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.tearDown();
    // It meets closed stores, or sees that it was stopped.
    await this.#rising;
    await this.tearDown();
  }

  #assertRuns(): void {
    if (this.#isStopped) throw new CooeeError('ERR_API_STARTING', 'the daemon stops');
  }

  async #tearDown(): Promise<void> {
    const node = this.#node;
    const stores = this.#stores;
    this.#node = undefined;
    this.#stores = undefined;
    await node?.stop();
    await stores?.close();
  }

  /**
   * A home that came from another machine keeps its log and its vote: with a vote forgotten it
   * could vote twice in one term. That it is an older copy the others find out.
   */
  async #finishAdoption(): Promise<void> {
    const { home, logger } = this.#components;
    if (!home.adopted) return;
    await home.finishAdoption();
    logger.warn({}, 'the home was taken over from another machine');
  }
}
