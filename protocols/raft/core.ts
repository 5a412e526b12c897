import { CooeeError } from '../interface/index.ts';
import { isIndex } from './check-message.ts';
import { isConfiguration } from './configuration.ts';
import { onReachable, onUnreachable } from './roles/answers.ts';
import { onMessage } from './roles/dispatch.ts';
import { campaign, checkSilence, countOwnVote, onConnection } from './roles/election.ts';
import { becomeFollower } from './roles/follow.ts';
import { advanceCommit, tickLeader } from './roles/lead.ts';
import { RaftNode } from './roles/node.ts';
import { onCompacted, onSnapshotInstalled } from './roles/receive.ts';
import { canFlush, flush } from './roles/replicate.ts';
import { propose, read, transfer } from './roles/requests.ts';
import { statusOf } from './status.ts';
import type { RaftInit, RaftInput, RaftStatus, Ready } from './types.ts';

/**
 * Raft's decisions without hands: inputs with their time go in, a {@link Ready} that says what to
 * write, send and apply comes out. Holds no payload beyond the next `Ready`. Rules, and where they
 * differ from the paper: docs/protocols/raft.md.
 */
export class RaftCore {
  readonly #node: RaftNode;
  #status: RaftStatus | undefined;

  /** @throws CooeeError ERR_RAFT_INPUT, ERR_RAFT_STATE when the parts contradict each other */
  constructor(init: RaftInit) {
    checkInit(init);
    this.#node = new RaftNode(init);
    if (init.hardState.commit > this.#node.log.lastIndex) {
      throw new CooeeError('ERR_RAFT_STATE', 'less is there than was committed');
    }
    if (this.#node.log.lastTerm > this.#node.term) {
      throw new CooeeError('ERR_RAFT_STATE', 'the log is of a later term than the hard state');
    }
    if (init.configurationIndex > this.#node.log.lastIndex) {
      throw new CooeeError('ERR_RAFT_STATE', 'the configuration is of an entry that is not there');
    }
  }

  /**
   * Takes one input in. A peer's mistakes are ignored and counted (`RaftStatus.ignoredCount`).
   *
   * @param nowMs monotonic; an earlier time than the last one counts as that
   * @throws CooeeError ERR_RAFT_INPUT a fault of the caller, nothing has changed;
   *   ERR_RAFT_INVARIANT a fault of the core: stop this node
   */
  step(input: RaftInput, nowMs: number): void {
    const node = this.#node;
    if (!Number.isFinite(nowMs)) throw new CooeeError('ERR_RAFT_INPUT', 'the time is a number');
    node.nowMs = Math.max(node.nowMs, nowMs);
    this.#status = undefined;
    // A process that was frozen: others may have elected a leader long ago. Who votes alone may
    // not.
    const sinceTickMs = node.nowMs - node.lastTickMs;
    const isAlone = node.log.configuration.voters.length === 1;
    if (node.lead !== null && sinceTickMs > node.timing.electionMs && !isAlone) {
      becomeFollower(node, node.term, null);
    }
    this.#take(input);
    if (node.campaignAtMs !== null && node.nowMs >= node.campaignAtMs) campaign(node);
  }

  /** Whether there is a {@link Ready} to take: false while the last one is being written. */
  hasReady(): boolean {
    const node = this.#node;
    if (node.outgoing.writes.isWriting) return false;
    return node.outgoing.isPending(node) || canFlush(node);
  }

  /**
   * What to do now. When it has anything to write (`hardState`, `truncateFrom` or `entries`), the
   * next one comes after `persisted`.
   *
   * @throws CooeeError ERR_RAFT_INPUT while the last one is being written
   */
  takeReady(): Ready {
    const node = this.#node;
    if (node.outgoing.writes.isWriting) {
      throw new CooeeError('ERR_RAFT_INPUT', 'the last Ready is still being written');
    }
    flush(node);
    this.#status = undefined;
    return node.outgoing.take(node);
  }

  /** The same object until the next input. */
  get status(): RaftStatus {
    this.#status ??= statusOf(this.#node);
    return this.#status;
  }

  /** When a tick has something to do at the latest. Never later than a heartbeat from the last. */
  get deadlineMs(): number {
    const { lead, electionAtMs, campaignAtMs, lastTickMs, timing } = this.#node;
    const latest = lastTickMs + timing.heartbeatMs;
    if (lead !== null) {
      return Math.min(latest, lead.heartbeatAtMs, lead.transfer?.untilMs ?? latest);
    }
    return Math.min(latest, electionAtMs, campaignAtMs ?? latest);
  }

  #take(input: RaftInput): void {
    const node = this.#node;
    switch (input.type) {
      case 'tick':
        tick(node);
        break;
      case 'message':
        onMessage(node, input.message, input.entries);
        break;
      case 'propose':
        propose(node, input.entries);
        break;
      case 'persisted':
        persisted(node);
        break;
      case 'connection-lost':
        onUnreachable(node, input.peer);
        onConnection(node, input.peer, true);
        break;
      case 'connected':
        onReachable(node, input.peer);
        onConnection(node, input.peer, false);
        break;
      case 'unreachable':
        onUnreachable(node, input.peer);
        break;
      case 'read':
        read(node, input.id);
        break;
      case 'transfer':
        transfer(node, input.to);
        break;
      case 'snapshot-installed':
        onSnapshotInstalled(node, input);
        break;
      case 'compacted':
        onCompacted(node, input.index);
    }
  }
}

/**
 * A tick that comes late judges nobody, for what was sent meanwhile has not been read yet; the one
 * behind it does, however late it is.
 */
function tick(node: RaftNode): void {
  const { heartbeatMs } = node.timing;
  const isLate = node.nowMs - node.lastTickMs > 2 * heartbeatMs && !node.wasTickLate;
  node.wasTickLate = isLate;
  node.lastTickMs = node.nowMs;
  if (node.lead !== null) tickLeader(node, isLate);
  else if (!isLate) checkSilence(node);
}

function persisted(node: RaftNode): void {
  node.outgoing.persisted();
  countOwnVote(node);
  advanceCommit(node);
}

function checkInit(init: RaftInit): void {
  const { hardState, base, configuration, configurationIndex, self } = init;
  const numbers = [hardState.term, hardState.commit, base.index, base.term, configurationIndex];
  if (self === '' || !numbers.every(isIndex) || !Number.isFinite(init.nowMs)) {
    throw new CooeeError('ERR_RAFT_INPUT', 'a number or name of the start is not one');
  }
  const isNobody = configuration.voters.length === 0 && configuration.learners.length === 0;
  if (!isNobody && !isConfiguration(configuration)) {
    throw new CooeeError('ERR_RAFT_INPUT', 'not a configuration');
  }
}
