import { GENESIS_SEQ } from '../bootstrap/genesis.ts';
import { CooeeError, toError } from '../protocols/interface/index.ts';
import { type Invite, parseInvite } from '../protocols/membership/index.ts';
import type { DaemonComponents, DaemonInit } from './daemon-init.ts';
import { HomeNode } from './home-node.ts';
import { enrolWanted } from './mesh/change/enrol-wanted.ts';
import { isAlone, sayGoodbye } from './mesh/change/leaving.ts';
import { startOver } from './mesh/damage/start-over.ts';
import { foundMesh } from './mesh/founding.ts';
import { fileOf, isNoEntry, keepAdmission, redeemAt } from './mesh/joining.ts';
import { keptLabel, type MeshFile, MeshFolder } from './mesh/mesh-folder.ts';
import type { NodeLife } from './mesh/node-life.ts';
import { keepRecoveryKey, setRecoveryKeyAside } from './mesh/recovery-key.ts';
import type { MeshStores } from './mesh/stores.ts';

/** How long `cooee join` tries before it gives up. */
const JOIN_PATIENCE_MS = 30_000;

export type { DaemonComponents, DaemonInit } from './daemon-init.ts';

/** Where the daemon is with its mesh. */
export type DaemonPhase = 'starting' | 'joining' | 'member' | 'changing' | 'stopped';

/**
 * One daemon on one home: decides which mesh the home is in, has the node of that one brought up,
 * and changes the mesh when it is told to.
 */
export class Daemon {
  readonly components: DaemonComponents;
  readonly init: DaemonInit;
  readonly #folder: MeshFolder;
  readonly #running: HomeNode;
  readonly #stopped = new AbortController();
  #phase: DaemonPhase = 'starting';
  #recoverySeed: Uint8Array | undefined;
  #hasStartedAgain = false;

  constructor(components: DaemonComponents, init: DaemonInit) {
    this.components = components;
    this.init = init;
    this.#folder = new MeshFolder(components.home.path);
    this.#running = new HomeNode(
      {
        ...components,
        folder: this.#folder,
        startAgain: (file, boot) => this.#startAgain(file, boot),
        onSuperseded: () => void this.#followAnew(),
      },
      init,
    );
  }

  get phase(): DaemonPhase {
    return this.#phase;
  }

  /** The node, also while it joins. @throws CooeeError ERR_API_STARTING while there is none */
  get node(): NodeLife {
    const { node } = this.#running;
    if (node === undefined) throw new CooeeError('ERR_API_STARTING');
    return node;
  }

  /** The node, also while it joins; undefined while there is none. */
  get currentNode(): NodeLife | undefined {
    return this.#running.node;
  }

  /** Log and store of the present mesh. @throws CooeeError ERR_API_STARTING while there is none */
  get stores(): MeshStores {
    const { stores } = this.#running;
    if (stores === undefined) throw new CooeeError('ERR_API_STARTING');
    return stores;
  }

  /** Its state may be shown. @throws CooeeError ERR_API_STARTING, ERR_SLURP_DIVERGED */
  get soundNode(): NodeLife {
    if (!this.node.parts.snapshots.isSound) throw new CooeeError('ERR_SLURP_DIVERGED');
    return this.node;
  }

  /** The node of a mesh that this node is a member of. Throws as {@link soundNode}. */
  get memberNode(): NodeLife {
    if (this.#phase !== 'member') throw new CooeeError('ERR_API_STARTING');
    return this.soundNode;
  }

  /** Recovery key of a mesh that this start made; handed out once. */
  takeRecoverySeed(): Uint8Array | undefined {
    const seed = this.#recoverySeed;
    this.#recoverySeed = undefined;
    return seed;
  }

  /**
   * Brings up the home's mesh: the one it has, the one it is invited to, or a new one.
   *
   * @param inviteText - of `--join`; ignored by a member, so that it may stand in a unit file
   * @param joinOrFail - gives up after 30 s without an answer, instead of trying until the invite
   * expires
   * @throws CooeeError the refusal of an invite, or that no inviter answers, after which the home
   * is as empty as before
   */
  async start(inviteText?: string, joinOrFail = false): Promise<void> {
    await this.components.sealer.start();
    const file = await this.#folder.load();
    if (file?.state === 'member') {
      this.#assertSameMesh(file, inviteText);
      await this.#resume(file);
    } else {
      const invite = inviteText ?? file?.invite;
      if (invite == null) await this.#found();
      else await this.#enter(invite, joinOrFail ? JOIN_PATIENCE_MS : undefined);
    }
    this.#enrolWanted();
  }

  /**
   * Joins another mesh; the present one is set aside when the other has let this node in.
   *
   * @throws CooeeError ERR_BOOTSTRAP_OTHER_MESH, ERR_BOOTSTRAP_INVITER_UNREACHABLE after 30 s, the
   * refusal of the mesh; ERR_STORAGE_* when what it was let into cannot be kept: all is as it was,
   * and the same invite lets it in again
   */
  async join(inviteText: string): Promise<void> {
    const invite = this.#parse(inviteText);
    const node = this.node;
    if (this.#phase === 'member' && node.init.meshId === invite.mesh) {
      if (node.parts.guard.verdict !== undefined) throw new CooeeError(node.parts.guard.verdict);
      return;
    }
    if (this.#phase !== 'member') throw new CooeeError('ERR_API_STARTING');
    if (!this.#isAlone()) throw new CooeeError('ERR_BOOTSTRAP_OTHER_MESH');
    const index = await this.#redeem(invite, JOIN_PATIENCE_MS);
    // Somebody else may have joined or left meanwhile.
    if (this.#running.node !== node) throw new CooeeError('ERR_API_STARTING');
    const file = fileOf(invite, { state: 'member', admittedIndex: index, invite: null });
    // Before anything is given up. Where it fails the invite lets this node in again.
    await this.#folder.prepare(file);
    await this.#change(async () => {
      await this.#running.tearDown();
      await this.#setAside(node.init.meshId, (label) => this.#folder.replace(label));
      await this.#running.bringUp(file);
      await this.node.admitted(index);
    });
    this.#enrolWanted();
  }

  /**
   * Leaves the mesh: says goodbye, sets it aside in the home, and begins a mesh of one. The host's
   * agents are enrolled there.
   *
   * @throws CooeeError ERR_MEMBERSHIP_LAST_ADMIN, ERR_MEMBERSHIP_LAST_VOTER, ERR_SLURP_NO_LEADER
   */
  async leave(): Promise<string> {
    const node = this.memberNode;
    const { meshId } = node.init;
    if (!this.#isAlone()) await sayGoodbye(node);
    await this.#change(async () => {
      await this.#running.tearDown();
      await this.#setAside(meshId, (label) => this.#folder.setAside(label));
      await this.#found();
      this.takeRecoverySeed(); // nobody is there to be shown it
      this.components.logger.warn({}, 'RECOVERY-KEY of the new mesh: move it off this host');
    });
    this.#enrolWanted();
    return meshId;
  }

  /** Stops the node and closes its stores; never throws. */
  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the daemon stops'));
    await this.#running.stop();
    await this.components.sealer.stop();
  }

  #parse(text: string): Invite {
    return parseInvite(this.components.crypto.sha256, text);
  }

  #assertSameMesh(file: MeshFile, inviteText: string | undefined): void {
    if (inviteText === undefined) return;
    let mesh: string | undefined;
    try {
      mesh = this.#parse(inviteText).mesh;
    } catch (error) {
      // A member needs no invite: a mangled one in a unit file must not keep it down.
      this.components.logger.warn({ err: toError(error) }, 'the invite is mangled; not needed');
    }
    if (mesh !== undefined && mesh !== file.mesh) throw new CooeeError('ERR_BOOTSTRAP_OTHER_MESH');
    this.components.logger.info({ mesh: file.mesh }, 'a member already: the invite is not used');
  }

  /** Takes up the mesh of this home; one that was stopped while it joined goes on from there. */
  async #resume(file: MeshFile): Promise<void> {
    await this.#running.bringUp(file).catch(async (error: unknown) => {
      await this.#running.bringUp(
        await startOver(this.components, { folder: this.#folder, file, error }),
      );
    });
    await this.#catchUp(file);
  }

  /** The operator recovered the mesh elsewhere: what is here is set aside and taken anew. */
  async #followAnew(): Promise<void> {
    if (this.#phase !== 'member') return;
    const error = new CooeeError('ERR_SLURP_SUPERSEDED');
    const followed = this.#change(async () => {
      await this.#running.tearDown();
      const file = await this.#folder.load();
      if (file === undefined) throw error;
      await this.#running.bringUp(
        await startOver(this.components, { folder: this.#folder, file, error }),
      );
      await this.#catchUp(file);
    });
    // What it fails with ends the process.
    await followed.catch(() => undefined);
  }

  /** A member goes on from its own admission. */
  async #catchUp(file: MeshFile): Promise<void> {
    if (this.node.parts.meshLog.appliedIndex < file.admittedIndex) {
      this.#phase = 'joining';
      await this.node.admitted(file.admittedIndex);
    }
    this.#phase = 'member';
  }

  /** Makes a mesh of one. */
  async #found(): Promise<void> {
    const boot = await this.#running.nextStart();
    await this.#keepKeyApart();
    // What a start left that got no further.
    await this.#folder.remove();
    const { log } = await this.#running.openStores();
    const { file, recoverySeed } = await foundMesh(
      { ...this.components, log },
      { name: this.init.name, boot: boot.boot },
    );
    // Before there is a mesh: whatever ends this start, the key of the mesh can be found.
    await keepRecoveryKey(this.components.home, recoverySeed);
    // Last: without this file the folder is a leftover, and the next start begins anew.
    await this.#folder.save(file);
    this.#recoverySeed = recoverySeed;
    await this.#running.bringUp(file, { lastSeq: GENESIS_SEQ, boot });
    this.#phase = 'member';
  }

  /** Joins a mesh with a home that has none; tries until patience ends or the invite expires. */
  async #enter(text: string, patienceMs?: number): Promise<void> {
    const invite = this.#parse(text);
    this.#phase = 'joining';
    const file = fileOf(invite, { state: 'joining', admittedIndex: 0, invite: text });
    await this.#keepKeyApart();
    await this.#folder.begin(file);
    await this.#running.bringUp(file);
    try {
      const index = await this.#redeem(invite, patienceMs);
      await this.#keepAdmission({ ...file, state: 'member', admittedIndex: index, invite: null });
      await this.node.admitted(index);
    } catch (error) {
      await this.#running.tearDown();
      // After anything else it may be a member: the next start goes on with the invite.
      if (isNoEntry(error)) await this.#folder.remove();
      throw error;
    }
    this.#phase = 'member';
  }

  async #redeem(invite: Invite, patienceMs?: number): Promise<number> {
    try {
      return await redeemAt(this.components, this.node, {
        invite,
        signal: this.#stopped.signal,
        ...(patienceMs === undefined ? {} : { patienceMs }),
      });
    } finally {
      this.components.health.clear('joining');
    }
  }

  async #keepAdmission(file: MeshFile): Promise<void> {
    const save = () => this.#folder.save(file);
    await keepAdmission(this.components, save, this.#stopped.signal);
  }

  async #change(task: () => Promise<void>): Promise<void> {
    this.#phase = 'changing';
    try {
      await task();
    } catch (thrown) {
      // Half-way there is no node to go on with: the next start takes up what the home remembers.
      if (!this.#stopped.signal.aborted) this.components.onFatal(toError(thrown));
      throw thrown;
    }
    this.#phase = 'member';
  }

  async #setAside(meshId: string, move: (label: string) => Promise<string>): Promise<void> {
    const { clock, health } = this.components;
    // All but one are about the mesh that this node was in.
    for (const { code } of health.list()) if (code !== 'host-changed') health.clear(code);
    const path = await move(keptLabel(clock.nowMs(), meshId.slice(-8)));
    await setRecoveryKeyAside(this.components.home, path);
    this.components.logger.info({ path }, 'the mesh was set aside');
  }

  /** A key that a start left which got no further may be of a mesh that was set aside. */
  async #keepKeyApart(): Promise<void> {
    const label = keptLabel(this.components.clock.nowMs(), 'recovery-key');
    await setRecoveryKeyAside(this.components.home, this.#folder.keptPath(label));
  }

  #isAlone(): boolean {
    return isAlone(this.node.parts.state, this.components.signer.peer);
  }

  #enrolWanted(): void {
    enrolWanted(this.components, () => (this.#phase === 'member' ? this.memberNode : undefined));
  }

  /**
   * Begins another start, with a higher number: the home was put back from an older copy, which
   * the mesh takes for a second daemon. Once in the life of a process, so that two that do run with
   * one identity do not go on and on.
   */
  #startAgain(file: MeshFile, boot: number): void {
    if (this.#hasStartedAgain || this.#phase !== 'member') return;
    if (this.node.init.boot.boot !== boot) return;
    this.#hasStartedAgain = true;
    const again = async (): Promise<void> => {
      await this.#running.tearDown();
      this.components.health.clear('clone');
      await this.#running.bringUp((await this.#folder.load()) ?? file);
    };
    // What it fails with ends the process.
    void this.#change(again).catch(() => undefined);
  }
}
