import {
  createEnrolment,
  decodeMessage,
  decodePlaintext,
  type Enrolment,
  encodeAnswer,
} from '../../../../protocols/enrolment/index.ts';
import {
  type ErrorCode,
  type Gossip,
  type GossipMessage,
  type GossipVerdict,
  type Outcome,
  type Sealer,
  silentLogger,
} from '../../../../protocols/interface/index.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { ManualClock } from '../../wire/manual-clock.ts';
import { alice, bob, CountingMetrics, crypto, FakeSealer, MESH, World } from '../fixtures.ts';

/** A topic that the test reads and writes. */
export class FakeGossip implements Gossip {
  readonly sent: Uint8Array[] = [];
  isDeaf = false;
  handler: ((message: GossipMessage) => GossipVerdict) | undefined;

  publish(_topic: string, body: Uint8Array): void {
    if (!this.isDeaf) this.sent.push(body);
  }

  handle(_topic: string, handler: (message: GossipMessage) => GossipVerdict): void {
    this.handler = handler;
  }

  open(): GossipMessage {
    throw new Error('not used');
  }

  receive(origin: string, body: Uint8Array): GossipVerdict | undefined {
    const message = { topic: 'enrol' as const, origin, boot: 1, seq: 1, timeMs: 0 };
    return this.handler?.({ ...message, body, original: body });
  }
}

/** One publisher (alice) on a manual clock; the test plays network, leader (bob) and log. */
export class Bench {
  readonly world = new World();
  readonly clock = new ManualClock();
  readonly store = new MemoryStore();
  readonly gossip = new FakeGossip();
  readonly metrics = new CountingMetrics();
  sealer: Sealer = new FakeSealer();
  boot = 1;
  node!: Enrolment;
  index = 100;

  async start(): Promise<void> {
    await this.store.open();
    let seq = 0;
    this.node = createEnrolment({
      ...{ store: this.store, gossip: this.gossip, sealer: this.sealer, signer: alice },
      ...{ clock: this.clock, crypto, logger: silentLogger, metrics: this.metrics },
      random: { bytes: (count) => new Uint8Array(count), fraction: () => 0.5 },
      state: this.world.state,
      meshId: MESH,
      bootSeq: { boot: this.boot, next: () => ++seq },
      isLeader: () => this.world.state.get('mesh', 'leader')?.['peer' as never] === alice.peer,
      propose: async (_kind, { claim }) => ({ ...this.grant(claim), index: this.index }),
    });
    await this.node.start();
    await this.clock.advance(0);
  }

  /** The process is gone; only what the disk has remains. */
  async kill(): Promise<void> {
    this.store.crash();
    await this.node.stop();
    this.boot += 1;
    this.gossip.sent.length = 0;
    await this.start();
  }

  /** The requests that the leader got so far, opened. */
  async claims(): Promise<{ claim: Uint8Array; gpuInfo: string[]; recipient: string }[]> {
    const claims = [];
    for (const body of this.gossip.sent) {
      const message = decodeMessage(body);
      if (message.kind !== 'request') continue;
      const opened = decodePlaintext(await new FakeSealer().open(message.sealed));
      const end = message.sealed.indexOf(0);
      const recipient = Buffer.from(message.sealed.subarray(0, end)).toString();
      claims.push({ ...opened, recipient });
    }
    return claims;
  }

  /** The log decides, and the publisher's replica applies. */
  grant(claim: Uint8Array): Outcome {
    const outcome = this.world.grant(claim);
    this.index += 1;
    this.node.onEntryApplied({
      index: this.index,
      decisions: [{ command: { kind: 'agent.grant', body: { claim } }, outcome }],
      events: [],
    });
    return outcome;
  }

  lead(term: number): void {
    this.world.lead(bob, term);
    this.node.onEntryApplied({ index: this.index, decisions: [], events: [] });
  }

  answer(claim: Uint8Array, code: ErrorCode, origin = bob.peer): void {
    const id = crypto.sha256(claim);
    this.gossip.receive(origin, encodeAnswer({ to: alice.peer, id, code }));
  }
}
