import { MetricsBook } from '../../../../daemon/system/metrics.ts';
import { decodeClaim } from '../../../../protocols/enrolment/index.ts';
import type { AgentRecord, Signer } from '../../../../protocols/interface/index.ts';
import {
  type Dht,
  MeshRecords,
  ProofMaker,
  RecordJudge,
  type TrustBook,
} from '../../../../protocols/slurp/index.ts';
import { merkleRoot } from '../../../../protocols/wire/index.ts';
import { claimed, makeClaim, tuple } from '../../enrolment/fixtures.ts';
import { headBy, openBook, some } from '../heads/voters.ts';
import {
  batchOf,
  type Change,
  crypto,
  founder,
  Machine,
  MESH,
  rename,
  rootOf,
} from '../mesh-world.ts';

const text = new TextDecoder();

/** A DHT of so many members that take everything, and remember the last value of each key. */
export class FakeDht implements Dht {
  members = 3;
  /** Times and sizes of puts, in order. */
  readonly puts: { key: string; value: Uint8Array; atMs: number }[] = [];
  readonly provided: string[] = [];
  readonly values = new Map<string, Uint8Array[]>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<number> {
    const name = text.decode(key);
    this.puts.push({ key: name, value, atMs: this.#nowMs() });
    this.values.set(name, [value]);
    return this.members;
  }

  async get(key: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.values.get(text.decode(key)) ?? [];
  }

  async provide(cid: string): Promise<number> {
    this.provided.push(cid);
    return this.members;
  }

  /** Keys that were put, each once. */
  keys(): string[] {
    return [...new Set(this.puts.map(({ key }) => key))];
  }
}

export const grantOf = (models: readonly string[], seq: number, by: Signer = founder): Change => {
  const agents = models.map((model) => claimed(tuple(model)));
  return { kind: 'agent.grant', body: { claim: makeClaim(by, agents, { mesh: MESH, seq }) } };
};
export const retireOf = (token: string): Change => ({ kind: 'agent.retire', body: { token } });

/** A node with all that its part in the DHT takes. */
export class Node {
  readonly machine: Machine;
  readonly trust: TrustBook;
  readonly metrics = new MetricsBook();
  readonly dht: FakeDht;
  readonly judge: RecordJudge;
  readonly records: MeshRecords;
  readonly proofs: ProofMaker;
  isLeader = true;
  stateCid: string | undefined;
  #seq = 1;

  private constructor(machine: Machine, trust: TrustBook, self: string) {
    this.machine = machine;
    this.trust = trust;
    this.dht = new FakeDht(() => machine.clock.monotonicMs());
    const parts = { ...machine, meshLog: machine.meshLog, trust, crypto, metrics: this.metrics };
    this.judge = new RecordJudge({ ...parts, decodeClaim });
    this.proofs = new ProofMaker(parts);
    this.records = new MeshRecords({
      ...parts,
      ...{ self, judge: this.judge, dht: this.dht, tree: this.proofs.tree },
      random: { bytes: (count) => new Uint8Array(count), fraction: () => 0.5 },
      isLeader: () => this.isLeader,
      stateCid: () => this.stateCid,
    });
  }

  static async open(machine?: Machine, self = founder.peer): Promise<Node> {
    const on = machine ?? (await Machine.open());
    const node = new Node(on, await openBook(on), self);
    await node.records.open();
    on.meshLog.addHook((entry) => node.records.writesFor(entry));
    on.meshLog.onApplied((entry) => node.records.onApplied(entry));
    return node;
  }

  get state() {
    return this.machine.meshLog.state;
  }

  /** The agent of a model. */
  agent(model: string): AgentRecord {
    for (const [, record] of this.state.entries('agent')) if (record.model === model) return record;
    throw new Error(`no agent ${model}`);
  }

  /** Each list of changes is an entry. @returns index of the last one */
  async write(...entries: readonly (readonly Change[])[]): Promise<number> {
    await this.machine.take(
      entries.map((changes) => batchOf(founder, { seq: ++this.#seq }, changes)),
    );
    return this.machine.meshLog.appliedIndex;
  }

  async fill(count: number): Promise<void> {
    await this.write(...Array.from({ length: count }, (_, i) => [rename(`name ${i}`)]));
  }

  /** A head of all that is applied, by the founder; taken in. */
  async sign(): Promise<Uint8Array> {
    const { meshLog } = this.machine;
    const index = meshLog.appliedIndex;
    const frontier = meshLog.frontierAt(index);
    if (frontier === undefined) throw new Error('nothing is applied');
    const by = some(1);
    const head = headBy(by, { index, root: merkleRoot(crypto.sha256, frontier), by });
    await this.trust.accept(head);
    return head;
  }

  /** @param voters - whom it names; the signers unless told otherwise */
  async headAt(
    index: number,
    by: readonly Signer[] = some(1),
    voters: readonly Signer[] = by,
  ): Promise<Uint8Array> {
    const records = await this.machine.records();
    return headBy(by, { index, root: rootOf(records.slice(0, index)), by: voters });
  }

  async path(index: number, size: number): Promise<readonly Uint8Array[]> {
    return await this.proofs.tree.path(index, size);
  }

  async entry(index: number): Promise<Uint8Array> {
    return (await this.machine.records())[index - 1]?.bytes as Uint8Array;
  }

  refused(reason: string): number {
    return this.metrics.read('cooee_dht_records_refused_total', { reason });
  }
}
