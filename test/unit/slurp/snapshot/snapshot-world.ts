import type {
  Requester,
  RequestHandler,
  Responder,
} from '../../../../protocols/interface/index.ts';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { Replica, Snapshots, serveReplica, TrustBook } from '../../../../protocols/slurp/index.ts';
import { merkleRoot } from '../../../../protocols/wire/index.ts';
import { systemError } from '../../../../storage/faults.ts';
import { encodeHead } from '../heads/sign-head.ts';
import {
  batchOf,
  crypto,
  founder,
  GENESIS,
  issue,
  type Kept,
  Machine,
  MESH,
  rename,
  rootOf,
  START_MS,
  settle,
} from '../mesh-world.ts';

/** Entries from mark to mark in these tests. */
export const EVERY = 16;

const signed = new Map<number, Uint8Array>();

/** The n-th batch after genesis: adds a row and changes one. Signed once, for all nodes. */
export function batch(seq: number): Uint8Array {
  const changes = [issue(20 + (seq % 60)), rename(`name ${seq}`)];
  const bytes = signed.get(seq) ?? batchOf(founder, { seq }, changes);
  signed.set(seq, bytes);
  return bytes;
}
export const batches = (from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from + 1 }, (_, i) => batch(from + i));

const trust = { index: 1, root: rootOf([GENESIS]), voters: [founder.peer] };

/** Requests between nodes of one program. */
export class Wires {
  readonly #handlers = new Map<string, RequestHandler>();
  /** Requests so far: asker, asked, protocol's last part but one. */
  readonly asked: string[] = [];
  /** May throw, or replace an answer. */
  onAnswer: (peer: string, protocol: string, answer: Uint8Array) => Uint8Array = (_p, _q, it) => it;

  responder(self: string): Responder {
    return {
      handle: async (protocol, handler) => void this.#handlers.set(self + protocol, handler),
      unhandle: async (protocol) => void this.#handlers.delete(self + protocol),
    };
  }

  requester(self: string): Requester {
    return {
      request: async (peer, protocol, body, options = {}) => {
        options.signal?.throwIfAborted();
        this.asked.push(`${self}>${peer} ${protocol.split('/').at(-2)}`);
        const handler = this.#handlers.get(peer + protocol);
        if (handler === undefined) throw new CooeeError('ERR_WIRE_STREAM');
        await settle();
        const answer = await handler(self, body, options.signal ?? new AbortController().signal);
        return this.onAnswer(peer, protocol, answer);
      },
    };
  }

  cut(self: string): void {
    for (const key of [...this.#handlers.keys()]) {
      if (key.startsWith(self)) this.#handlers.delete(key);
    }
  }
}

/** One node: a log, what it trusts, its snapshots, and a replica that pulls when it is told to. */
export class SnapNode {
  readonly name: string;
  readonly wires: Wires;
  readonly machine: Machine;
  readonly slices: number[] = [];
  readonly compacted: number[] = [];
  /** Codes of errors after which the process must end. */
  readonly fatal: string[] = [];
  sources: string[] = [];
  book!: TrustBook;
  snapshots!: Snapshots;
  replica!: Replica;

  private constructor(name: string, wires: Wires, machine: Machine) {
    this.name = name;
    this.wires = wires;
    this.machine = machine;
  }

  static async open(
    name: string,
    wires = new Wires(),
    options: { readonly empty?: boolean; readonly every?: number } = {},
  ): Promise<SnapNode> {
    const { empty = false, every = EVERY } = options;
    const machine = await Machine.open({ empty, snapshotEveryEntries: every });
    const node = new SnapNode(name, wires, machine);
    await node.#build();
    return node;
  }

  get meshLog() {
    return this.machine.meshLog;
  }

  get conditions(): string[] {
    return this.machine.health.list().map(({ code }) => code);
  }

  async run<T>(task: Promise<T>): Promise<T> {
    return await this.machine.run(task);
  }

  /** Lets what goes on in the background come to its end. */
  async rest(ms = 2_000): Promise<void> {
    for (let at = 0; at < ms; at += 20) await this.machine.clock.advance(20);
  }

  /** Commits batches one mark at a time, so that every snapshot gets done. */
  async grow(from: number, to: number, every = EVERY): Promise<void> {
    for (let seq = from; seq <= to; seq++) {
      await this.run(this.machine.take([batch(seq)]));
      if (this.meshLog.appliedIndex % every === 0) {
        await this.rest(400);
        await this.sign();
      }
    }
  }

  /** Has the founder, the only voter, sign for the newest snapshot of this node. */
  async sign(stateCid = this.snapshots.latest()?.stateCid): Promise<Uint8Array> {
    const mark = this.snapshots.latest();
    if (mark === undefined || stateCid === undefined) throw new Error('there is no snapshot');
    const bytes = headAt(mark.index, mark.root, stateCid);
    await this.run(this.book.accept(bytes));
    await this.rest(100);
    return bytes;
  }

  /** Has the founder sign for all that is applied, so that others may pull it. */
  async signLast(): Promise<void> {
    const { appliedIndex } = this.meshLog;
    const bytes = headAt(appliedIndex, this.meshLog.appliedRoot());
    await this.run(this.book.accept(bytes));
  }

  async restart(kept: Kept = {}): Promise<void> {
    this.wires.cut(this.name);
    await this.snapshots.stop();
    await this.run(this.machine.restart(kept));
    await this.#build();
  }

  async #build(): Promise<void> {
    const { machine, wires, name } = this;
    const parts = { ...machine, meshLog: machine.meshLog, crypto };
    this.book = new TrustBook(parts, trust);
    await this.book.open();
    const requester = wires.requester(name);
    this.snapshots = new Snapshots({
      ...parts,
      trust: this.book,
      requester,
      sources: () => this.sources,
      onCompacted: (index) => this.compacted.push(index),
      onFatal: ({ code }) => this.fatal.push(code),
      onSlice: (rows) => this.slices.push(rows),
    });
    await this.run(this.snapshots.open());
    this.replica = new Replica({
      ...parts,
      trust: this.book,
      requester,
      sources: () => this.sources,
      snapshots: this.snapshots,
    });
    const responder = wires.responder(name);
    await serveReplica({ ...parts, responder, trust: this.book, snapshots: this.snapshots });
    await this.snapshots.serve(responder);
  }
}

export function headAt(index: number, root: Uint8Array, stateCid?: string): Uint8Array {
  return encodeHead(founder, {
    mesh: MESH,
    epoch: 0,
    term: 9,
    index,
    root,
    voters: [founder.peer],
    timeMs: START_MS,
    ...(stateCid === undefined ? {} : { stateCid }),
  });
}

export const rootAt = (node: SnapNode, index: number): Uint8Array => {
  const frontier = node.meshLog.frontierAt(index);
  if (frontier === undefined) throw new Error(`no frontier at ${index}`);
  return merkleRoot(crypto.sha256, frontier);
};

/** Everything in the namespace `state` of a node's store, as hexadecimal text. */
export async function stateOf(node: SnapNode): Promise<Record<string, string>> {
  const rows: Record<string, string> = {};
  for await (const [key, value] of node.machine.store.entries('state')) {
    rows[key] = Buffer.from(value).toString('hex');
  }
  return rows;
}

/** Keys of a namespace of a node's store. */
export async function rowsIn(node: SnapNode, namespace: 'block' | 'snapshot'): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of node.machine.store.entries(namespace)) keys.push(key);
  return keys;
}

/** Names of the files that a node has. */
export async function filesOf(node: SnapNode): Promise<string[]> {
  return (await node.machine.files.list()).map(({ name }) => name);
}

/** The whole of a file. */
export async function contentOf(node: SnapNode, name: string): Promise<Uint8Array> {
  const bytes = await node.machine.files.read(name, 0, Number.MAX_SAFE_INTEGER);
  if (bytes === undefined) throw new Error(`no file ${name}`);
  return bytes;
}

/**
 * From the n-th touch of the disk on, of those that count, every one fails, until it is mended.
 */
export function breakDisk(
  node: SnapNode,
  n: number,
  counts: (point: string) => boolean,
): { isReached: boolean; mend(): void } {
  const { faults } = node.machine;
  const probe = { isReached: false, mend: () => void Object.assign(faults, { hit: () => {} }) };
  let left = n;
  const hit = (point: string): void => {
    if (!counts(point)) return;
    left--;
    if (left > 0) return;
    probe.isReached = true;
    throw systemError('ENOSPC');
  };
  Object.assign(faults, { hit });
  return probe;
}

/** A leader with a log so long and every mark signed. */
export async function leaderOf(to: number, wires = new Wires()): Promise<SnapNode> {
  const leader = await SnapNode.open('leader', wires);
  await leader.grow(2, to);
  await leader.signLast();
  return leader;
}

/** A node without a log, which asks these. */
export async function follower(name: string, wires: Wires, sources: string[]): Promise<SnapNode> {
  const node = await SnapNode.open(name, wires, { empty: true });
  node.sources = sources;
  return node;
}
