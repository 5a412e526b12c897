import {
  CooeeError,
  type Requester,
  type Signer,
} from '../../../../../protocols/interface/index.ts';
import { headAnswer } from '../../../../../protocols/slurp/heads/signing/protocol.ts';
import {
  HeadService,
  HeadSigner,
  headProtocol,
  type Leadership,
  type StateMark,
  type StateMarks,
  type TrustBook,
} from '../../../../../protocols/slurp/index.ts';
import {
  pullRequest,
  pullResponse,
  replicaProtocol,
} from '../../../../../protocols/slurp/protocol.ts';
import { crypto, GENESIS, headOf, Machine, MESH } from '../../mesh-world.ts';
import { openBook } from '../voters.ts';

/** Marks that a test sets. */
export class TestMarks implements StateMarks {
  readonly #marks: StateMark[] = [];
  readonly listeners: (() => void)[] = [];
  cidAt = (index: number): string | undefined =>
    this.#marks.find((mark) => mark.index === index)?.stateCid;
  /** How often somebody asked for the recent ones. */
  looks = 0;
  recent = (): readonly StateMark[] => {
    this.looks++;
    return this.#marks;
  };
  onMark(listener: () => void): void {
    this.listeners.push(listener);
  }
  set(mark: StateMark): void {
    this.#marks.unshift(mark);
    for (const listener of this.listeners) listener();
  }
}

/** Who leads, as a test says. */
export class TestLeadership implements Leadership {
  isLeader = false;
  term = 2;
  leader: string | undefined;
}

/** One node with what signing needs. */
export class SigningNode {
  readonly signer: Signer;
  readonly machine: Machine;
  readonly marks = new TestMarks();
  readonly leadership = new TestLeadership();
  readonly shown: { bytes: Uint8Array; key: string }[] = [];
  readonly book: TrustBook;
  heads: HeadSigner;
  service: HeadService;
  isAway = false;
  asked = 0;

  constructor(signer: Signer, machine: Machine, book: TrustBook, mesh: SigningMesh) {
    this.signer = signer;
    this.machine = machine;
    this.book = book;
    this.heads = this.newSigner();
    this.service = new HeadService({
      ...machine,
      meshLog: machine.meshLog,
      trust: book,
      signer: this.heads,
      self: signer.peer,
      requester: mesh,
      crypto,
      leadership: this.leadership,
      marks: this.marks,
      sources: () => [...mesh.nodes.keys()],
      publish: (bytes, key) => this.shown.push({ bytes, key }),
    });
  }

  newSigner(): HeadSigner {
    return new HeadSigner({
      ...this.machine,
      meshLog: this.machine.meshLog,
      trust: this.book,
      signer: this.signer,
      crypto,
      leadership: this.leadership,
      marks: this.marks,
    });
  }
}

/** Nodes that reach each other by calls. */
export class SigningMesh implements Requester {
  readonly nodes = new Map<string, SigningNode>();

  static async of(signers: readonly Signer[], batches: readonly Uint8Array[] = []) {
    const mesh = new SigningMesh();
    for (const signer of signers) {
      const machine = await Machine.open();
      if (batches.length > 0) await machine.take(batches);
      mesh.nodes.set(signer.peer, new SigningNode(signer, machine, await openBook(machine), mesh));
    }
    return mesh;
  }

  node(signer: Signer): SigningNode {
    return this.nodes.get(signer.peer) as SigningNode;
  }

  lead(signer: Signer, term = 2): SigningNode {
    for (const { leadership, signer: it } of this.nodes.values()) {
      leadership.isLeader = it === signer;
      leadership.term = term;
      leadership.leader = signer.peer;
    }
    return this.node(signer);
  }

  async take(batches: readonly Uint8Array[]): Promise<void> {
    for (const { machine } of this.nodes.values()) await machine.take(batches);
  }

  /** The time goes on everywhere. */
  async advance(ms: number): Promise<void> {
    for (const { machine } of this.nodes.values()) await machine.clock.advance(ms);
  }

  async request(peer: string, protocol: string, body: Uint8Array): Promise<Uint8Array> {
    const node = this.nodes.get(peer);
    if (node === undefined || node.isAway) throw new CooeeError('ERR_WIRE_STREAM');
    node.asked++;
    if (protocol === headProtocol(MESH)) {
      const leader = [...this.nodes.values()].find(({ leadership }) => leadership.isLeader);
      return headAnswer.encode(await node.heads.sign(leader?.signer.peer ?? '', body));
    }
    if (protocol !== replicaProtocol(MESH)) throw new CooeeError('ERR_WIRE_STREAM');
    const { chain } = pullRequest.decode(body);
    return pullResponse.encode(headOf([GENESIS]), [], { links: await node.book.links(chain, 64) });
  }
}
