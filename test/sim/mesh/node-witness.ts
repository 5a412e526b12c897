import type { Signer } from '../../../protocols/interface/index.ts';
import { decodeLinkMessage } from '../../../protocols/slurp/driver/raft-codec.ts';
import {
  decodeHead,
  epochOf,
  lostStateProblem,
  type MeshLog,
} from '../../../protocols/slurp/index.ts';
import type { Branch } from '../check/branch.ts';
import type { Machine } from '../world/machine.ts';
import { Violation } from '../world/world.ts';
import { watchApplied } from './applied-watch.ts';
import type { MeshCluster } from './mesh-cluster.ts';
import type { MeshParts } from './mesh-parts.ts';

/** Tells the books of a cluster what one of its nodes does and knows. */
export class NodeWitness {
  readonly #cluster: MeshCluster;
  readonly #machine: Machine;
  readonly #signer: Signer;
  readonly #guard: (task: () => void) => void;
  #appliedTold = 0;
  #told = '';
  /** The operator recovers here, right now. */
  #isRecovering = false;
  /** The branch of each mark that it has a head of. */
  readonly #marks = new Map<number, string>();

  /**
   * @param guard runs what tells a book while the process lives, and fails the run when the book
   * does not agree
   */
  constructor(
    cluster: MeshCluster,
    place: { readonly machine: Machine; readonly signer: Signer },
    guard: (task: () => void) => void,
  ) {
    this.#cluster = cluster;
    this.#machine = place.machine;
    this.#signer = place.signer;
    this.#guard = guard;
  }

  /** The branch of the state at a mark, by the head that it has of it. */
  branchAt(index: number): string | undefined {
    return this.#marks.get(index);
  }

  /** Its log, also while that is opened. */
  watchLog(meshLog: MeshLog): void {
    const { name } = this.#machine;
    watchApplied(meshLog, (entry) =>
      this.#guard(() => this.#cluster.states.applied(name, this.#branch({ meshLog }), entry)),
    );
  }

  /** A start of the node: from here on its heads and marks are told. */
  watch(parts: MeshParts): void {
    const { states, book, epochs } = this.#cluster;
    const { name } = this.#machine;
    this.#branch(parts);
    epochs.started(name);
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

  /** Looks at what changed since the last step. */
  look(parts: MeshParts): void {
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

  /** A voter introduces itself with less than it has signed for: this node must not believe it. */
  heard(from: string, bytes: Uint8Array, parts: MeshParts): void {
    const message = decodeLinkMessage(bytes, { from, to: this.#signer.peer });
    if (message.kind !== 'hello') return;
    const { voters } = parts.meshLog.configuration().configuration;
    const head = parts.trust.signedBy(from)?.signed;
    // What it says may be old: a head can outrun a hello, and so can the end of who said it.
    const claim = this.#cluster.claimOf(from);
    if (claim === undefined || !voters.includes(from)) return;
    if (lostStateProblem(from, claim, head) === undefined) return;
    const branch = this.#cluster.book.branchOf(this.#machine.name);
    this.#cluster.foundOut(from, { index: parts.meshLog.appliedIndex, branch });
  }

  /** By its own words a voter has less than it signed for: it must not be listened to. */
  isBetrayed(from: string, bytes: Uint8Array, parts: MeshParts): boolean {
    const message = decodeLinkMessage(bytes, { from, to: this.#signer.peer });
    if (message.kind !== 'hello') return false;
    const { hello } = message;
    const { consensus, meshLog, trust } = parts;
    const { configuration } = meshLog.configuration();
    const seats = [configuration, consensus.raft?.configuration ?? configuration];
    if (!seats.every(({ voters }) => voters.includes(from))) return false;
    // Nobody takes part who says so itself, or is of another epoch.
    if (hello.hasLostState || hello.epoch !== epochOf(meshLog.state).id) return false;
    return lostStateProblem(from, hello, trust.signedBy(from)?.signed) !== undefined;
  }

  /** What it holds of what is committed must still be there when the log has gone on. */
  recovering({ hadSeat }: { readonly hadSeat: boolean }, parts: MeshParts): () => void {
    const { book } = this.#cluster;
    const { name } = this.#machine;
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

  /** The operator is done here. */
  recovered(): void {
    this.#isRecovering = false;
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
}
