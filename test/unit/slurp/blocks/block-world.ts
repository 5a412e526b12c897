import { type BlockRecord, silentLogger } from '../../../../protocols/interface/index.ts';
import { BlockHolding, ContentBlocks, MeshState } from '../../../../protocols/slurp/index.ts';
import { packSubmission, submissionInput } from '../../../../protocols/submission/index.ts';
import { cidOf, encodeCanonical } from '../../../../protocols/wire/index.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { memberRecord } from '../../help/call-world.ts';
import { batchOf, crypto, ManualClock, MESH, signerOf } from '../mesh-world.ts';
import { Wires } from '../snapshot/snapshot-world.ts';

/** A block of so many bytes, and more; equal numbers are the same block. */
export function blockOf(n: number, bytes = 100): { cid: string; bytes: Uint8Array } {
  const block = encodeCanonical(new Uint8Array(bytes).fill(n));
  return { cid: cidOf(crypto.sha256, block), bytes: block };
}

export const recordOf = (block: { cid: string; bytes: Uint8Array }): BlockRecord => ({
  cid: block.cid,
  bytes: block.bytes.length,
});

/** A pull request with a patch, as it is handed in. */
export const pullOf = (patch: string, more: Record<string, unknown> = {}) =>
  packSubmission(
    crypto.sha256,
    submissionInput.parse({
      ...{ kind: 'pr', address: 'ucxl://any@p:t/#/x', title: 'T', repository: 'r' },
      ...{ base: 'main', head: 'h', patch, ...more },
    }),
  );

/** The members of one mesh that keep blocks, with requests between them. */
export class BlockWorld {
  readonly wires = new Wires();
  readonly nodes: BlockNode[] = [];
  leader = '';

  async node(number: number): Promise<BlockNode> {
    const node = new BlockNode(this, number);
    this.nodes.push(node);
    for (const one of this.nodes) {
      for (const { peer } of this.nodes) {
        one.state.merge([{ table: 'member', key: peer, value: memberRecord(peer) }]);
      }
    }
    await node.open();
    return node;
  }

  /** The log refers to blocks from now on, as far as every node knows. */
  attach(...blocks: readonly BlockRecord[]): void {
    for (const { state } of this.nodes) {
      state.merge(
        blocks.map(({ cid, bytes }) => ({
          ...{ table: 'attached' as const, key: cid },
          value: { id: 'id', bytes },
        })),
      );
    }
  }
}

/** One member. */
export class BlockNode {
  readonly world: BlockWorld;
  readonly signer: ReturnType<typeof signerOf>;
  readonly store = new MemoryStore();
  readonly state = new MeshState();
  readonly clock = new ManualClock();
  readonly waiting = new Set<string>();
  contents!: ContentBlocks;
  holding!: BlockHolding;

  constructor(world: BlockWorld, number: number) {
    this.world = world;
    this.signer = signerOf(number);
  }

  get peer(): string {
    return this.signer.peer;
  }

  /** Opens it, anew after a stop. */
  async open(): Promise<void> {
    const { world, store, state, clock, peer } = this;
    if (store.status !== 'open') await store.open();
    const others = () => world.nodes.map((it) => it.peer).filter((it) => it !== peer);
    const common = {
      ...{ meshId: MESH, store, state, crypto, clock, logger: silentLogger },
      requester: world.wires.requester(peer),
    };
    this.contents = new ContentBlocks({
      ...common,
      sources: others,
      isWaiting: (cid) => this.waiting.has(cid),
    });
    await this.contents.open();
    this.holding = new BlockHolding({
      ...{ ...common, contents: this.contents, self: peer },
      responder: world.wires.responder(peer),
      leader: () => world.leader,
      voters: () => world.nodes.slice(0, 3).map((it) => it.peer),
    });
    await this.holding.start();
    await this.serve();
  }

  /** Serves what it has, as the daemon's block server does. */
  async serve(): Promise<void> {
    const { serveBlocks } = await import(
      '../../../../protocols/slurp/snapshot/fetching/block-server.ts'
    );
    await serveBlocks({
      ...{ meshId: MESH, store: this.store, assertSound: () => undefined },
      files: { read: async () => undefined },
      responder: this.world.wires.responder(this.peer),
    });
  }

  /** A signed batch with that submission in it. */
  batch(seq: number, packed: ReturnType<typeof pullOf>): Uint8Array {
    return batchOf(this.signer, { seq }, [{ kind: 'submission.commit', body: packed.body }]);
  }
}
