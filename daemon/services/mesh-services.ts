import { CooeeError, type Crypto, type Random } from '../../protocols/interface/index.ts';
import { formatInvite, memberOf, type TrustAnchor } from '../../protocols/membership/index.ts';
import type { RecoveryPlan } from '../../protocols/slurp/index.ts';
import type {
  BodyOf,
  InviteView,
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

/** An invite answers only after its commit; this is how long that may take. */
const INVITE_TIMEOUT_MS = 10_000;
/** Addresses of other members in an invite: enough to survive the inviter's absence. */
const OTHERS_INVITING_MAX = 2;
const OWN_ADDRESSES_MAX = 3;

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

  /** Issues an invite: the mesh gets the public half of its key, the answer the seed. */
  async issueInvite(input: BodyOf<'createInvite'>): Promise<InviteView> {
    const { daemon, random, crypto } = this.#init;
    const { parts, init } = daemon.memberNode;
    const seed = random.bytes(32);
    const nowMs = daemon.components.clock.nowMs();
    // The log judges it by its own time, which stays ahead of clocks that were set back.
    const expiresMs = Math.max(nowMs, parts.calls.logTimeMs) + input.ttlMs;
    const { id, state } = await parts.writer.write(
      'invite.issue',
      { key: seedKey(seed).publicKey, role: input.role, uses: input.uses, expiresMs },
      { timeoutMs: INVITE_TIMEOUT_MS },
    );
    // Without the log's word it may be refused: nobody gets the seed of an invite that is none.
    if (state !== 'committed') throw noInvite(id);
    const invite = formatInvite(crypto.sha256, {
      mesh: init.meshId,
      addresses: this.#addresses(),
      anchor: this.#anchor(),
      seed,
      expiresMs,
    });
    return { invite, expiresAt: new Date(nowMs + input.ttlMs).toISOString(), uses: input.uses };
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

  /** Where a joiner may knock: here first, then at other members that are connected. */
  #addresses(): string[] {
    const node = this.#init.daemon.memberNode;
    const { view } = node.parts;
    // A joiner is nobody to a relay yet: it knocks where it gets without one.
    const own = node.addresses().filter(isDirectText);
    const loopback = own.filter((it) => it.startsWith('/ip4/127.'));
    const outside = own.filter((it) => !it.startsWith('/ip4/127.'));
    const mine = [...outside.slice(0, OWN_ADDRESSES_MAX - 1), ...loopback.slice(0, 1)];
    const others = view
      .connected()
      .slice(0, OTHERS_INVITING_MAX)
      .flatMap((peer) => {
        const address = view.addressesOf(peer).find(isDirectText);
        return address === undefined ? [] : [`${address}/p2p/${peer}`];
      });
    return [...mine.map((it) => `${it}/p2p/${node.self}`), ...others];
  }

  /** A point of the log that this node vouches for: its own applied log. */
  #anchor(): TrustAnchor {
    const { meshLog, view } = this.#init.daemon.memberNode.parts;
    const voters = [...view.voters()];
    if (voters.length === 0) throw new CooeeError('ERR_SLURP_NO_LEADER');
    return { index: meshLog.appliedIndex, root: meshLog.appliedRoot(), voters };
  }
}

function noInvite(id: string): CooeeError {
  return new CooeeError('ERR_SLURP_NO_LEADER', 'no invite was made: the log has not taken it', {
    details: { id },
    remedy:
      'Ask for another one when there is a leader: cooee status. This one may still come into ' +
      'the log, and nobody can use it: its secret is forgotten.',
  });
}

const isDirectText = (address: string): boolean => !address.includes('/p2p-circuit');

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
