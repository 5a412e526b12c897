import { hashTuple } from '../../../protocols/agent-id/index.ts';
import { encodeClaim } from '../../../protocols/enrolment/index.ts';
import { encodeHeadBody } from '../../../protocols/slurp/heads/head-rules.ts';
import { headProtocol } from '../../../protocols/slurp/index.ts';
import { simCrypto, simSeedKey, simSigner } from '../world/crypto.ts';
import type { Machine } from '../world/machine.ts';
import { START_MS } from '../world/process.ts';
import type { SimRandom } from '../world/random.ts';
import { Violation } from '../world/world.ts';
import { CallClients } from './call-clients.ts';
import { CallThief } from './call-thief.ts';
import { inviteIssue, memberAdd } from './founding.ts';
import type { MeshCluster } from './mesh-cluster.ts';
import { SubmissionClients } from './submission-clients.ts';

const PAUSE_MS = 60;
/** Signers that come and go as members, without a machine. */
const JOINERS = Array.from({ length: 40 }, (_, i) => 10_001 + i);

/** What people and agents ask of the mesh, at any node of it: every kind of command. */
export class Clients {
  readonly #cluster: MeshCluster;
  readonly #random: SimRandom;
  readonly #calls: CallClients;
  readonly #submissions: SubmissionClients;
  readonly #thief: CallThief;
  #isOn = false;
  #count = 0;
  #invites: { readonly number: number; readonly uses: number }[] = [];

  constructor(cluster: MeshCluster) {
    this.#cluster = cluster;
    this.#random = cluster.world.random.fork();
    this.#calls = new CallClients(this.#random.fork(), (peer) => {
      const machine = cluster.machines.find((it) => it.peer === peer);
      return machine === undefined ? undefined : this.#node(machine);
    });
    this.#submissions = new SubmissionClients(this.#random.fork());
    this.#thief = new CallThief(cluster, JOINERS);
  }

  start(): void {
    this.#isOn = true;
    this.#next();
  }

  stop(): void {
    this.#isOn = false;
  }

  #next(): void {
    this.#cluster.world.schedule(this.#random.exponential(PAUSE_MS), () => {
      if (!this.#isOn) return;
      const machine = this.#random.pick(this.#cluster.machines);
      if (!machine.isFrozen) this.#act(machine);
      this.#next();
    });
  }

  #act(machine: Machine): void {
    this.#thief.act();
    const acts = [
      () => this.#rename(machine),
      () => this.#invite(),
      () => this.#join(),
      () => this.#enrol(machine),
      () => this.#submissions.act(this.#node(machine), machine.peer),
      () => this.#submissions.act(this.#node(machine), machine.peer),
      () => this.#calls.act(this.#node(machine)),
      () => this.#calls.act(this.#node(machine)),
      () => this.#seats(),
      () => this.#revoke(),
      () => this.#probe(),
      () => this.#role(),
      () => this.#remove(),
      () => this.#agent(machine),
    ];
    this.#random.pick(acts)();
  }

  /** A member who may not is refused, by the log. */
  #rename(machine: Machine): void {
    this.#node(machine)?.submit('mesh.settings', { name: `mesh ${++this.#count}` });
  }

  /** The founder alone is an admin. */
  #invite(): void {
    const number = 2_000_000 + ++this.#count;
    const uses = this.#random.pick([1, 1, 3]);
    const key = simSeedKey(number);
    if (uses === 1) this.#cluster.states.singleUse(key.publicKey);
    const { body } = inviteIssue(key, uses);
    this.#node(this.#founder)?.submit('invite.issue', body as never);
    this.#invites.push({ number, uses });
    if (this.#invites.length > 8) this.#invites.shift();
  }

  /** Two at two doors want in with one invite at one time. */
  #join(): void {
    if (this.#invites.length === 0) return;
    const invite = simSeedKey(this.#random.pick(this.#invites).number);
    for (const door of this.#random.sample(this.#cluster.machines, 2)) {
      const joiner = simSigner(this.#random.pick(JOINERS));
      const { body } = memberAdd(this.#cluster.founding.meshId, joiner.peer, invite);
      this.#node(door)?.submit('member.add', body as never);
    }
  }

  #revoke(): void {
    const [invite] = this.#invites;
    if (invite === undefined) return;
    const key = simSeedKey(invite.number).publicKey;
    this.#node(this.#founder)?.submit('invite.revoke', { key });
  }

  /** Any node may bring a claim in; the publisher's signature counts. */
  #enrol(machine: Machine): void {
    const publisher = this.#random.integer(1, this.#cluster.machines.length);
    const tuple = {
      model: this.#random.pick(['llama3-70b', 'qwen3-8b', 'phi-4']),
      hostname: `host-${publisher}`,
      mac: `aabbccddee${String(publisher).padStart(2, '0')}`,
      gpu_id: String(this.#random.integer(0, 3)),
    };
    const { hash } = hashTuple(tuple, simCrypto.sha256);
    const claim = encodeClaim(simSigner(publisher), {
      mesh: this.#cluster.founding.meshId,
      boot: 1,
      seq: ++this.#count,
      timeMs: START_MS,
      agents: [{ ...tuple, hash: new Uint8Array(Buffer.from(hash, 'hex')) }],
    });
    this.#node(machine)?.submit('agent.grant', { claim });
  }

  #seats(): void {
    if (!this.#random.chance(0.2)) return;
    const votersTarget = this.#random.pick([3, 5] as const);
    this.#node(this.#founder)?.submit('mesh.settings', { votersTarget });
  }

  /** Joiners rise and fall; a founder that would lower itself, the last admin, is refused. */
  #role(): void {
    const peer = this.#random.chance(0.1) ? this.#founder.peer : this.#joiner();
    const role = this.#random.pick(['admin', 'member'] as const);
    this.#node(this.#founder)?.submit('member.role', { peer, role });
  }

  /** Of joiners only: a host that is let go has nothing more to say. */
  #remove(): void {
    this.#node(this.#founder)?.submit('member.remove', { peer: this.#joiner() });
  }

  /** One is retired, or moved to another host: by its own node, by an admin, or by who may not. */
  #agent(machine: Machine): void {
    const node = this.#node(machine);
    const agents = [...(node?.parts?.meshLog.state.entries('agent') ?? [])];
    if (agents.length === 0) return;
    const [token] = this.#random.pick(agents);
    if (this.#random.chance(0.5)) node?.submit('agent.retire', { token });
    else
      node?.submit('agent.rebind', { token, peer: this.#random.pick(this.#cluster.machines).peer });
  }

  #joiner(): string {
    return simSigner(this.#random.pick(JOINERS)).peer;
  }

  /** A leader that asks for a signature under what no log holds yet must not get it. */
  #probe(): void {
    const leader = this.#cluster.leader();
    const asker = leader && this.#node(leader);
    const voter = this.#random.pick(this.#cluster.machines);
    const parts = this.#cluster.nodeOf(voter)?.parts;
    const ahead = this.#random.integer(1, 3);
    const root = this.#random.bytes(32);
    if (asker?.parts === undefined || parts === undefined || voter === leader) return;
    const { meshId } = this.#cluster.founding;
    const { index, voters } = {
      ...parts.meshLog.configuration().configuration,
      index: parts.meshLog.tailIndex + ahead,
    };
    const body = encodeHeadBody({
      mesh: meshId,
      epoch: asker.parts.trust.epochs.current.epoch,
      term: asker.parts.consensus.term,
      index,
      root,
      voters: [...voters],
      timeMs: parts.meshLog.appliedTimeMs,
    });
    asker.streams.request(voter.peer, headProtocol(meshId), body).then(
      () => {
        const who = `${voter.name} signed ${index}, a root of somebody's fancy`;
        this.#cluster.fail(new Violation('signs-what-is-committed', who));
      },
      () => undefined,
    );
  }

  get #founder(): Machine {
    return this.#cluster.machines[0] as Machine;
  }

  #node(machine: Machine) {
    return machine.isFrozen ? undefined : this.#cluster.nodeOf(machine);
  }
}
