import {
  blocksOf,
  idOfOrder,
  packSubmission,
  submissionInput,
} from '../../../protocols/submission/index.ts';
import { simCrypto } from '../world/crypto.ts';
import type { SimRandom } from '../world/random.ts';
import type { MeshNode } from './mesh-node.ts';

/** Submissions that curators still decide. */
const OPEN_MAX = 6;
const ADDRESS = 'ucxl://any:architect@sim:records/#/dr';

/**
 * Who hands work in, small and large, and who decides it, many at one submission. Blocks
 * themselves are not drawn here: the log and the state name them, and nobody reads them.
 */
export class SubmissionClients {
  readonly #random: SimRandom;
  #count = 0;
  #open: string[] = [];

  constructor(random: SimRandom) {
    this.#random = random;
  }

  /** @param peer of the node: the author */
  act(node: MeshNode | undefined, peer: string): void {
    if (node === undefined) return;
    if (this.#open.length > 0 && this.#random.chance(0.3)) this.#decide(node);
    else this.#submit(node, peer);
  }

  #submit(node: MeshNode, peer: string): void {
    const n = ++this.#count;
    const before = `${ADDRESS}/${this.#random.integer(1, n)}`;
    const packed = packSubmission(
      simCrypto.sha256,
      submissionInput.parse({
        ...{ kind: 'dr', address: `${ADDRESS}/${n}`, title: 'a decision', status: 'accepted' },
        // One in eight is a block.
        context: this.#random.chance(1 / 8) ? `${n} `.repeat(20_000) : '',
        decision: 'x'.repeat(this.#random.integer(1, 200)),
        links: this.#random.chance(0.2) ? [{ rel: 'supersedes', address: before }] : [],
      }),
    );
    const alone = blocksOf(packed.order).length > 0;
    node.submit('submission.commit', packed.body, { alone });
    this.#open.push(idOfOrder(simCrypto.sha256, { peer }, packed.order));
    if (this.#open.length > OPEN_MAX) this.#open.shift();
  }

  /** Members who may not are refused, and of those who may the first one wins. */
  #decide(node: MeshNode): void {
    const id = this.#random.pick(this.#open);
    const as = this.#random.pick(['merged', 'rejected']);
    const replaces = this.#random.chance(0.3) ? { replaces: this.#random.integer(1, 2) } : {};
    node.submit('submission.decide', { id, as, why: 'so', ...replaces });
  }
}
