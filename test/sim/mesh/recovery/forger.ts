import { recoveryAsk, recoveryProtocol } from '../../../../protocols/slurp/recovery/protocol.ts';
import {
  RECOVERY_NONCE_BYTES,
  signRecovery,
} from '../../../../protocols/slurp/recovery/recovery-link.ts';
import { cidOf, decodeCanonical, encodeCanonical } from '../../../../protocols/wire/index.ts';
import { simCrypto, simSeedKey } from '../../world/crypto.ts';
import type { SimRandom } from '../../world/random.ts';
import { OPERATOR } from '../founding.ts';
import type { MeshCluster } from '../mesh-cluster.ts';
import type { MeshNode } from '../mesh-node.ts';

const EVERY_MS_MEAN = 250;
const TIMEOUT_MS = 3_000;
const LINK_BYTES_MAX = 8_192;
const FORGER = simSeedKey(4_000_000);
/** What the mesh id of somebody else's mesh is the CID of: it names the forger's key. */
const GENESIS = encodeCanonical({ v: 1, recovery: FORGER.publicKey });

type Body = Parameters<typeof signRecovery>[1];

/** A member that shows the others recoveries which the operator never signed, and old ones. */
export class Forger {
  readonly #cluster: MeshCluster;
  readonly #random: SimRandom;
  #isOn = false;
  /** Recoveries that were seen: all by the operator. */
  readonly #seen: Uint8Array[] = [];

  constructor(cluster: MeshCluster, random: SimRandom) {
    this.#cluster = cluster;
    this.#random = random;
  }

  start(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#next();
  }

  stop(): void {
    this.#isOn = false;
  }

  #next(): void {
    this.#cluster.world.schedule(this.#random.exponential(EVERY_MS_MEAN), () => {
      if (!this.#isOn) return;
      this.#act();
      this.#next();
    });
  }

  #act(): void {
    const nodes = this.#cluster.left.flatMap((machine) => {
      const node = this.#cluster.nodeOf(machine);
      return node?.parts === undefined || machine.isFrozen ? [] : [node];
    });
    if (nodes.length < 2) return;
    const [from, to] = this.#random.sample(nodes, 2) as [MeshNode, MeshNode];
    this.#note(from);
    const links = [this.#forge(from, to)];
    const body = recoveryAsk.encode({ links, genesis: this.#random.chance(0.5) });
    const { meshId } = this.#cluster.founding;
    const options = { timeoutMs: TIMEOUT_MS };
    from.streams.request(to.peer, recoveryProtocol(meshId), body, options).catch(() => undefined);
  }

  #note({ parts }: MeshNode): void {
    const bytes = parts?.trust.epochs.newest?.bytes;
    if (bytes !== undefined && this.#seen.at(-1) !== bytes) this.#seen.push(bytes);
  }

  #forge(from: MeshNode, to: MeshNode): Uint8Array {
    const body = this.#body(from, to);
    const kinds = [
      () => signRecovery(FORGER, body),
      () => signRecovery(FORGER, body, GENESIS),
      // By the operator, for another mesh.
      () => signRecovery(OPERATOR, { ...body, mesh: cidOf(simCrypto.sha256, GENESIS) }),
      ...this.#seen.flatMap((link) => [() => altered(link, body), () => link]),
    ];
    return this.#random.pick(kinds)();
  }

  /** As the operator might have signed it. */
  #body(from: MeshNode, { parts }: MeshNode): Body {
    const { meshLog, trust } = parts ?? {};
    const index = (meshLog?.tailIndex ?? 0) + this.#random.integer(-5, 2);
    const { epoch = 0 } = trust?.epochs.current ?? {};
    const root = this.#random.chance(0.5) ? meshLog?.tailRoot() : undefined;
    return {
      mesh: this.#cluster.founding.meshId,
      epoch: Math.max(1, epoch + this.#random.pick([0, 1, 1, 2])),
      index: Math.max(1, index),
      root: root ?? this.#random.bytes(32),
      term: (meshLog?.term ?? 0) + this.#random.integer(1, 5),
      voters: [from.peer],
      timeMs: meshLog?.appliedTimeMs ?? 1,
      nonce: new Uint8Array(RECOVERY_NONCE_BYTES),
    };
  }
}

/** The operator's signature under something else. */
function altered(link: Uint8Array, body: Body): Uint8Array {
  const { s, g } = decodeCanonical(link, LINK_BYTES_MAX) as { s: Uint8Array; g?: Uint8Array };
  const r = encodeCanonical({ v: 1, ...body });
  return encodeCanonical({ r, s, ...(g === undefined ? {} : { g }) });
}
