import { CooeeError, type Crypto, type Random } from '../../protocols/interface/index.ts';
import { memberOf } from '../../protocols/membership/index.ts';
import type { RecoveryPlan } from '../../protocols/slurp/index.ts';
import type {
  BodyOf,
  MemberRole,
  MemberView,
  ResponseOf,
  StatusView,
  WriteView,
} from '../api/routes/index.ts';
import type { WriteWait } from '../api/services.ts';
import type { Daemon } from '../daemon.ts';
import { parseRecoveryKey } from '../mesh/recovery-key.ts';
import type { WriteResult } from '../mesh/writer.ts';
import { seedKey } from '../system/crypto.ts';
import { followersOf } from './slurp-view.ts';

/** What the services about the mesh and its members work with. */
export interface MeshServicesInit {
  readonly daemon: Daemon;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly version: string;
  readonly home: string;
  readonly socket: string;
  readonly agentSocket: string;
  readonly name: string;
}

/** The services about this node, its mesh and the members. */
export class MeshServices {
  readonly #init: MeshServicesInit;

  constructor(init: MeshServicesInit) {
    this.#init = init;
  }

  status(): StatusView {
    const { daemon, version, home, socket, agentSocket, name } = this.#init;
    const { health, signer, clock } = daemon.components;
    const { meshLog, state, view, outbox, consensus, network, trust } = daemon.node.parts;
    const self = signer.peer;
    const isMember = daemon.phase === 'member';
    const { isOut } = daemon.node.parts.guard;
    const mesh = state.get('mesh', 'mesh');
    const record = view.leaderRecord();
    const members = [...state.entries('member')].filter(([, it]) => it.removedIndex === null);
    const agents = [...state.entries('agent')].filter(([, it]) => it.retiredIndex === null);
    const conditions = health.list();
    return {
      node: {
        peer: self,
        name,
        version,
        home,
        socket,
        agentSocket,
        addresses: network.node.getMultiaddrs().map(String),
      },
      mesh: {
        id: daemon.node.init.meshId,
        name: mesh !== undefined && 'name' in mesh ? mesh.name : '',
        level: mesh !== undefined && 'level' in mesh ? mesh.level : 0,
        votersTarget: mesh !== undefined && 'votersTarget' in mesh ? mesh.votersTarget : 'auto',
      },
      role: !isMember ? 'joining' : !isOut && view.voters().includes(self) ? 'voter' : 'replica',
      memberRole: isOut ? null : (memberOf(state, self)?.role ?? null),
      slurp: {
        leader: view.leaderNow() ?? null,
        isLeader: consensus.isLeader,
        epoch: trust.epochs.current.epoch,
        term: Math.max(consensus.term, record?.term ?? 0),
        // A replica commits here once it holds all; what voters signed is committed before that.
        commitIndex: Math.max(meshLog.commitIndex, consensus.replica?.knownIndex ?? 0),
        appliedIndex: meshLog.appliedIndex,
        voters: [...view.voters()],
        learners: mesh !== undefined && 'learners' in mesh ? [...mesh.learners] : [],
        followers: followersOf(consensus.raft, clock.monotonicMs()),
      },
      peers: { connected: view.connected().length, members: members.length },
      agents: {
        here: agents.filter(([, { peer }]) => peer === self).length,
        mesh: agents.length,
      },
      outbox: { waiting: outbox.waitingCount },
      health: { ok: conditions.length === 0, conditions: [...conditions] },
    };
  }

  members(): readonly MemberView[] {
    const { state, liveness } = this.#init.daemon.soundNode.parts;
    const views: MemberView[] = [];
    for (const [peer, member] of state.entries('member')) {
      if (member.removedIndex !== null) continue;
      const seenMs = liveness.lastSeenMs(peer);
      views.push({
        peer,
        name: member.name,
        role: member.role,
        state: liveness.stateOf(peer),
        addresses: [...member.addresses],
        lastSeen: seenMs === null ? null : new Date(seenMs).toISOString(),
      });
    }
    return views.sort((a, b) => (a.name + a.peer < b.name + b.peer ? -1 : 1));
  }

  async join(invite: string): Promise<ResponseOf<'joinMesh'>> {
    const { daemon } = this.#init;
    await daemon.join(invite);
    return { mesh: daemon.node.init.meshId, peer: daemon.node.self };
  }

  async leave(): Promise<ResponseOf<'leaveMesh'>> {
    const { daemon } = this.#init;
    return { mesh: await daemon.leave(), peer: daemon.components.signer.peer };
  }

  /** Recovers the mesh, or says what that would come to. @throws CooeeError as MeshRecovery */
  async recover(input: BodyOf<'recoverMesh'>): Promise<ResponseOf<'recoverMesh'>> {
    const { recovery, trust, guard } = this.#init.daemon.memberNode.parts;
    // The mesh would be left to a node that takes no seat.
    if (guard.verdict !== undefined) throw new CooeeError(guard.verdict);
    const { choose, dryRun } = input;
    if (dryRun) return recoveryView(await recovery.plan({ lost: trust.voters(), choose }));
    const key = seedKey(parseRecoveryKey(input.key ?? ''));
    return recoveryView(await recovery.recover(key, { lost: input.lost, choose }));
  }

  async setRole(peer: string, role: MemberRole, wait: WriteWait): Promise<WriteView> {
    const { parts } = this.#init.daemon.memberNode;
    return writeView(
      await parts.writer.write('member.role', { peer, role }, { timeoutMs: timeoutOf(wait) }),
    );
  }

  async removeMember(peer: string, wait: WriteWait): Promise<WriteView> {
    const node = this.#init.daemon.memberNode;
    const { parts } = node;
    await node.vacate(peer);
    return writeView(
      await parts.writer.write('member.remove', { peer }, { timeoutMs: timeoutOf(wait) }),
    );
  }

  async setMesh(change: BodyOf<'setMesh'>, wait: WriteWait): Promise<WriteView> {
    const { parts } = this.#init.daemon.memberNode;
    return writeView(
      await parts.writer.write('mesh.settings', change, { timeoutMs: timeoutOf(wait) }),
    );
  }
}

/** How long the writer waits; undefined = not at all. */
export function timeoutOf(wait: WriteWait): number | undefined {
  return wait.committed ? wait.timeoutMs : undefined;
}

/** A write as callers see it. */
export function writeView(result: WriteResult): WriteView {
  return result.state === 'committed'
    ? { id: result.id, state: 'committed', index: result.index }
    : { id: result.id, state: 'accepted' };
}

function recoveryView(plan: RecoveryPlan & { readonly id?: string }): ResponseOf<'recoverMesh'> {
  const { epoch, id = null, index, term, voters, away, reachable, knownIndex } = plan;
  return {
    ...{ epoch, id, index, term },
    voters: [...voters],
    away: [...away],
    reachable: [...reachable],
    lostIndex: knownIndex > index ? knownIndex : null,
  };
}
